//! User data as the tools around Bottlerocket write it is accepted as it is. Each file of `golden/` says in its first line which variant it is for.

mod common;

use ampoule_settings::{Fragment, Settings, all_namespaces};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).expect("golden files").flatten().map(|entry| entry.path()).collect();
    files.sort();
    files
}

#[test]
fn each_is_accepted_by_its_variant_and_comes_back() {
    assert!(files().len() > 10, "too few: {:?}", files());
    for file in files() {
        let text = std::fs::read_to_string(&file).expect("text");
        let name = text.lines().next().and_then(|line| line.strip_prefix("# variant: ")).unwrap_or_else(|| panic!("{}", file.display()));
        let variant = common::variant(name);
        let chosen = Fragment::from_toml(&variant.model, &text).unwrap_or_else(|errors| panic!("{}: {errors:#?}", file.display()));
        assert!(!chosen.is_empty(), "{}", file.display());
        assert_eq!(Fragment::from_json(&variant.model, &chosen.to_json()), Ok(chosen.clone()), "{}", file.display());
        if let Err(errors) = Settings::new(&variant.defaults, &chosen) {
            panic!("{}: {errors:#?}", file.display());
        }
    }
}

#[test]
fn the_defaults_of_each_variant_fit_together() {
    assert!(common::variants().len() > 5);
    for name in common::variants() {
        let variant = common::variant(&name);
        assert!(Settings::new(&variant.defaults, &Fragment::default()).is_ok(), "{name}");
    }
}

/// So that what has no effect on a node can be tested on one.
#[test]
fn the_test_variant_has_every_namespace() {
    let test = common::variant("test");
    assert_eq!(test.model.namespaces().collect::<BTreeSet<_>>(), all_namespaces().collect::<BTreeSet<_>>());
}

#[test]
fn no_variant_names_a_namespace_that_is_not_there() {
    for name in common::variants() {
        let text =
            std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../variants/{name}.toml"))).expect("text");
        let written: toml::Table = text.parse().expect("TOML");
        let names = written.get("namespaces").and_then(toml::Value::as_array).into_iter().flatten().filter_map(toml::Value::as_str);
        names.for_each(|n| assert!(all_namespaces().any(|known| known == n), "{name}: {n}"));
    }
}
