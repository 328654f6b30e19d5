//! What every version that ever was stored, and which settings it knew, against what there is now.
//!
//! `frozen/VERSION/settings.json` lists the settings of a version, `frozen/VERSION/stores/NAME` are stores as its nodes had them. Both are never changed once the version is
//! released: they are what is out there.

mod freeze;
mod listing;
mod stores;

use ampoule_migrate::Steps;
use semver::Version;
use std::path::PathBuf;

/// Says of a generation that its settings fit together, so that they must in each later version.
const FITS: &str = "fits together";

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("frozen")
}

fn present() -> Version {
    env!("CARGO_PKG_VERSION").parse().expect("a version")
}

/// All versions that are kept, oldest first.
fn versions() -> Vec<Version> {
    let entries = std::fs::read_dir(folder()).expect("frozen versions").flatten();
    let mut all: Vec<Version> = entries.map(|e| e.file_name().to_string_lossy().parse().expect("named by a version")).collect();
    all.sort();
    all
}

#[test]
fn the_first_version_is_kept_and_none_is_of_the_future() {
    let all = versions();
    assert_eq!(all.first(), Some(&Version::new(0, 1, 0)));
    assert_eq!(all.last(), Some(&present()), "a version freezes what it knows: {}", freeze::HOW);
}

#[test]
fn no_step_is_of_the_future() {
    let late: Vec<_> = Steps::compiled().iter().filter(|step| step.version > present()).map(|step| step.version.to_string()).collect();
    assert!(late.is_empty(), "steps of {late:?} are in {}: raise the version in Cargo.toml first", present());
}
