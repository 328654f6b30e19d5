//! Writes down what the version in the making knows and stores.

use crate::{FITS, folder, listing, present};
use ampoule_confirm::BootId;
use ampoule_migrate::Steps;
use ampoule_settings::{Fragment, Model, Settings, all_keys};
use ampoule_store::{Draft, Form, Now, Origin, Store};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// How this is done.
pub(crate) const HOW: &str = "cargo test -p ampoule-migrate --test frozen -- --ignored freeze";

/// Whether the present version is out: what it stored is then a fact.
fn is_released() -> bool {
    let changelog = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../CHANGELOG.md")).expect("a changelog");
    changelog
        .lines()
        .any(|line| line.strip_prefix("## ").is_some_and(|rest| rest.split_whitespace().next() == Some(&present().to_string())))
}

#[test]
#[ignore = "writes into the checkout"]
fn freeze() {
    assert!(!is_released(), "{} is released: what it knew and stored cannot change any more", present());
    let here = folder().join(present().to_string());
    fs::create_dir_all(here.join("stores")).expect("a folder");
    fs::write(here.join("settings.json"), listing::text(&listing::present())).expect("the listing");
    store(&here.join("stores/empty"), &[Fragment::default()]);
    store(&here.join("stores/full"), &[Fragment::default(), every_setting(), all_that_fit()]);
    store(&here.join("stores/bottlerocket"), &user_data());
}

/// A store with these generations.
fn store(place: &Path, contents: &[Fragment]) {
    let _ = fs::remove_dir_all(place);
    let now = Now { boot: BootId::new("frozen").expect("an id"), boot_ms: 0, unix_ms: 0 };
    let mut store = Store::open(place, &now).expect("a store");
    for chosen in contents {
        let fits = Settings::new(&Fragment::default(), chosen).is_ok();
        let (author, message) = ("frozen".to_owned(), if fits { FITS } else { "" }.to_owned());
        let form = Form { number: Steps::compiled().form(), ..Form::default() };
        let draft = Draft { author, message, origin: Origin::Api, trial: None, chosen: chosen.to_json(), generated: BTreeMap::new(), form };
        store.commit(draft, &now).expect("stored");
    }
}

fn examples() -> Vec<Fragment> {
    let text = |key: &ampoule_settings::Key| format!("[settings]\n{} = {}\n", key.example_key(), key.example);
    let settings = all_keys().filter(|key| key.alias_of.is_none());
    settings.map(|key| Fragment::from_toml(&Model::complete(), &text(key)).expect("an example")).collect()
}

/// The example of every setting, whether they fit together or not.
fn every_setting() -> Fragment {
    examples().into_iter().fold(Fragment::default(), Fragment::merge)
}

/// As many of them as fit together. What needs another one finds it the second time.
fn all_that_fit() -> Fragment {
    let examples = examples();
    examples.iter().chain(&examples).fold(Fragment::default(), |there, example| {
        let more = there.clone().merge(example.clone());
        if Settings::new(&Fragment::default(), &more).is_ok() { more } else { there }
    })
}

/// What the tools around Bottlerocket write.
fn user_data() -> Vec<Fragment> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../settings/tests/golden");
    let mut files: Vec<PathBuf> = fs::read_dir(golden).expect("golden files").flatten().map(|entry| entry.path()).collect();
    files.sort();
    let read = |file: &PathBuf| Fragment::from_toml(&Model::complete(), &fs::read_to_string(file).expect("text")).expect("user data");
    files.iter().map(read).collect()
}
