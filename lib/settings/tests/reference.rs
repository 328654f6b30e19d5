//! The committed reference is what the model says, and its examples are right.

mod common;

use ampoule_settings::reference::{VariantSettings, files, user_data_schema};
use ampoule_settings::{Fragment, Model, all_keys, all_namespaces};
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference")
}

fn made() -> std::collections::BTreeMap<String, String> {
    let of = |name: String| {
        let common::Variant { model, defaults } = common::variant(&name);
        VariantSettings { name, model, defaults }
    };
    files(&common::variants().into_iter().map(of).collect::<Vec<_>>())
}

#[test]
fn what_is_committed_is_current() {
    for (name, text) in made() {
        let there = std::fs::read_to_string(folder().join(&name)).unwrap_or_default();
        assert!(there == text, "docs/reference/{name} is stale: run ./ampoule docs");
    }
}

#[test]
fn every_namespace_has_a_page_and_every_setting_a_section() {
    let pages = made();
    let pages = &pages;
    for namespace in all_namespaces() {
        assert!(pages["settings/README.md"].contains(&format!("({namespace}.md)")), "{namespace}");
        assert!(pages.contains_key(&format!("settings/{namespace}.md")), "{namespace}");
    }
    for key in all_keys() {
        let page = &pages[&format!("settings/{}.md", key.pattern.split('.').next().unwrap_or_default())];
        assert!(page.contains(&format!("\n### `{}`\n", key.pattern)), "{}", key.pattern);
    }
}

/// Each block of TOML on each page is user data that the node takes.
#[test]
fn the_examples_of_the_pages_are_right() {
    let mut blocks = 0;
    for (name, text) in made().iter().filter(|(name, _)| name.ends_with(".md")) {
        for block in text.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()) {
            blocks += 1;
            let errors = Fragment::from_toml(&Model::complete(), block).err();
            assert!(errors.is_none(), "{name}: {block}{errors:?}");
        }
    }
    assert!(blocks > all_keys().count(), "{blocks} blocks");
}

/// The schema refuses nothing that the node takes.
#[test]
fn the_schema_takes_what_the_node_takes() {
    let schema = jsonschema::validator_for(&user_data_schema()).expect("a schema");
    let golden = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")).expect("golden files");
    let golden = golden.flatten().map(|entry| std::fs::read_to_string(entry.path()).expect("text"));
    let examples = all_keys().map(|key| format!("[settings]\n{} = {}\n", key.example_key(), key.example));
    for text in golden.chain(examples) {
        let tree: serde_json::Value = toml::from_str(&text).expect("TOML");
        let errors: Vec<String> = schema.iter_errors(&tree).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(errors.is_empty(), "{text}{errors:#?}");
    }
}

/// And it is of use: it names wrong keys, kinds and words.
#[test]
fn the_schema_refuses_what_is_plainly_wrong() {
    let schema = jsonschema::validator_for(&user_data_schema()).expect("a schema");
    for wrong in [
        "motd = \"a\"",
        "[settings]\nmtod = \"a\"",
        "[settings.kubernetes]\nmax-pods = \"1\"",
        "[settings.kernel]\nlockdown = \"full\"",
        "[settings.host-containers.a]\nenabeld = true",
        "[settings.ntp]\ntime-servers = \"a\"",
        "[settings.kubernetes]\nimage-gc-high-threshold-percent = 101",
    ] {
        let tree: serde_json::Value = toml::from_str(wrong).expect("TOML");
        assert!(!schema.is_valid(&tree), "{wrong}");
    }
}
