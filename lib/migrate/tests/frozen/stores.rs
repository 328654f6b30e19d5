//! Stores of past versions reach the present model, all of each, and go back as they were.

use crate::{FITS, folder, versions};
use ampoule_confirm::BootId;
use ampoule_migrate::{Carried, Content, Steps};
use ampoule_settings::{Fragment, Model, Settings};
use ampoule_store::{Generation, Now, Store};
use proptest::prelude::*;
use semver::Version;
use serde_json::{Map, Value};
use std::fs;
use std::path::{Path, PathBuf};

/// What each version has stores of.
const NAMES: [&str; 3] = ["bottlerocket", "empty", "full"];

/// Every generation of a store. It is read as a node reads it, in a copy: opening a store may write into it.
fn generations(place: &Path) -> Vec<Generation> {
    let copy = tempfile::tempdir().expect("a folder");
    for file in fs::read_dir(place).expect("a store").flatten() {
        fs::copy(file.path(), copy.path().join(file.file_name())).expect("copied");
    }
    let now = Now { boot: BootId::new("test").expect("an id"), boot_ms: 0, unix_ms: 0 };
    let store = Store::open(copy.path(), &now).expect("a store");
    assert!(store.damaged().is_empty() && store.newest().is_some(), "{}", place.display());
    let numbers = store.numbers().expect("generations");
    numbers.into_iter().map(|number| store.get(number).expect("read").unwrap_or_else(|| panic!("{} {number}", place.display()))).collect()
}

fn stores() -> Vec<(Version, PathBuf)> {
    let place = |version: &Version, name: &str| folder().join(version.to_string()).join("stores").join(name);
    versions().into_iter().flat_map(|version| NAMES.map(|name| (version.clone(), place(&version, name)))).collect()
}

fn up(content: Content, form: u32) -> Carried {
    Steps::compiled().up(content, form).expect("a form of the past")
}

/// Whether settings are right in this version, each by itself.
fn check(chosen: &Value) -> Fragment {
    Fragment::from_json(&Model::complete(), chosen).unwrap_or_else(|errors| panic!("{errors:#?}"))
}

#[test]
fn every_store_is_settings_of_this_version() {
    for (version, place) in stores() {
        for generation in generations(&place) {
            let what = format!("generation {} of {}", generation.number, place.display());
            let form = generation.form.number;
            assert_eq!(form, Steps::compiled().form_of(&version), "{what}");
            let before = Content { chosen: generation.chosen, ..Content::default() };
            let Carried { content, problems } = up(before.clone(), form);
            assert!(problems.is_empty(), "{what}: {problems:?}");
            let chosen = check(&content.chosen);
            if generation.message == FITS {
                Settings::new(&Fragment::default(), &chosen).unwrap_or_else(|errors| panic!("{what}: {errors:#?}"));
            }
            assert_eq!(Steps::compiled().down(content, form).expect("known").content, before, "{what}");
        }
    }
}

/// So that the stores are what they are called.
#[test]
fn full_stores_have_every_setting_and_fit() {
    for (_, place) in stores().into_iter().filter(|(_, place)| place.ends_with("full")) {
        let all = generations(&place);
        let [_, every, fitting] = all.as_slice() else { panic!("{}: three generations", place.display()) };
        let (every, fits) = (leaves(&every.chosen), leaves(&fitting.chosen));
        assert!(every > 150 && fits * 10 > every * 9, "{}: {fits} of {every} values fit together", place.display());
        assert_eq!(fitting.message, FITS);
    }
}

fn leaves(tree: &Value) -> usize {
    match tree {
        Value::Object(table) => table.values().map(leaves).sum(),
        _ => 1,
    }
}

/// The tree without some of its leaves.
fn some_of(tree: &Value, keep: &mut impl FnMut() -> bool) -> Value {
    let Value::Object(table) = tree else { return tree.clone() };
    let kept = table.iter().filter(|(_, below)| below.is_object() || keep()).map(|(name, below)| (name.clone(), below)).collect::<Vec<_>>();
    Value::Object(kept.into_iter().map(|(name, below)| (name, some_of(below, keep))).collect::<Map<_, _>>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Nodes have any part of the settings.
    #[test]
    fn any_part_of_a_store_is_settings_of_this_version(seed in any::<u64>(), share in 1u64..8) {
        for (version, place) in stores().into_iter().filter(|(_, place)| place.ends_with("full")) {
            let form = Steps::compiled().form_of(&version);
            let every = generations(&place).swap_remove(1).chosen;
            let mut dice = seed | 1;
            let part = some_of(&every, &mut || {
                dice ^= dice << 13;
                dice ^= dice >> 7;
                dice ^= dice << 17;
                dice % 8 < share
            });
            let before = Content { chosen: part, ..Content::default() };
            let Carried { content, problems } = up(before.clone(), form);
            prop_assert!(problems.is_empty(), "{:?}", problems);
            check(&content.chosen);
            // Without empty tables, which choose nothing, nothing is different on the way back.
            prop_assert_eq!(Steps::compiled().down(content, form).expect("known").content, before);
        }
    }
}
