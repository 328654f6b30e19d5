//! What a version must leave behind for those after it.

use ampoule_rules::{root, text};

/// The version in the making, and every one that the changelog says is out.
fn versions() -> Vec<String> {
    let workspace: toml::Table = text("Cargo.toml").expect("root manifest").parse().expect("TOML");
    let present = workspace["workspace"]["package"]["version"].as_str().expect("a version").to_owned();
    let changelog = text("CHANGELOG.md").expect("a changelog");
    let headings = changelog.lines().filter_map(|line| line.strip_prefix("## ")?.split_whitespace().next());
    let released = headings.filter(|word| word.starts_with(|c: char| c.is_ascii_digit())).map(str::to_owned);
    released.chain([present]).collect()
}

#[test]
fn every_version_left_its_settings_and_stores() {
    for version in versions() {
        let frozen = root().join("lib/migrate/frozen").join(&version);
        assert!(frozen.join("settings.json").is_file(), "{version} has no list of its settings in {}", frozen.display());
        for store in ["empty", "full", "bottlerocket"] {
            let generation = frozen.join("stores").join(store).join("00000001.json");
            assert!(generation.is_file(), "{version} has no store {store}: lib/migrate/tests/frozen says how it is made");
        }
    }
}
