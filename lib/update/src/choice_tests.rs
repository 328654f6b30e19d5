use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::example;
use crate::record::BadVersion;
use crate::waves::Waves;

const OTHER: RootHash = RootHash::from_bytes([1; 32]);

fn node(version: &Version) -> Node<'_> {
    let now = Timestamp::from_seconds(1_000_000);
    Node {
        variant: "standalone",
        arch: "x86_64",
        version,
        root_hash: OTHER,
        seed: 1024,
        lock: VersionLock::Latest,
        ignore_waves: false,
        now,
    }
}

fn version(text: &str) -> Version {
    text.parse().expect("a version")
}

fn waves(start: i64) -> Waves {
    BTreeMap::from([(0, Timestamp::from_seconds(start)), (2048, Timestamp::from_seconds(start + 2048))]).try_into().expect("waves")
}

fn bad(update: &Update) -> Record {
    let mut record = Record::default();
    let root_hash = update.root_hash.to_string();
    record.condemn(BadVersion { version: update.version.clone(), root_hash, reason: "hung".to_owned(), at: Timestamp::default() });
    record
}

/// What is taken of these versions by a node that runs `current`.
fn taken(versions: &[&str], current: &str, lock: &str) -> Result<String, Reason> {
    let (manifest, current) = (example::manifest(versions), version(current));
    let node = Node { lock: lock.parse().expect("a lock"), ..node(&current) };
    match choose(&manifest, &node, &Record::default()) {
        Choice::Take(update) => Ok(update.version.to_string()),
        Choice::Wait { .. } => panic!("no waves here"),
        Choice::Nothing(reason) => Err(reason),
    }
}

#[test]
fn the_newest() {
    assert_eq!(
        taken(&["1.0.0", "1.10.0", "1.9.0", "1.10.0-rc.1", "1.10.0"][..4], "1.0.0", "latest"),
        Ok("1.10.0-rc.1".to_owned()),
        "up to max_version"
    );
    assert_eq!(taken(&["1.0.0", "1.9.0", "1.10.0"], "1.0.0", "latest"), Ok("1.10.0".to_owned()));
    assert_eq!(taken(&["1.0.0", "1.9.0"], "1.9.0", "latest"), Err(Reason::Current));
}

#[test]
fn beyond_the_newest_that_shall_run_it_goes_back() {
    assert_eq!(taken(&["1.2.0", "1.0.0", "1.1.0"], "1.2.0", "latest"), Ok("1.1.0".to_owned()));
    assert_eq!(taken(&["1.0.0", "1.1.0"], "2.0.0", "latest"), Ok("1.1.0".to_owned()));
}

#[test]
fn a_lock_holds_both_ways() {
    let versions = ["1.0.0", "1.1.0", "1.2.0"];
    assert_eq!(taken(&versions, "1.0.0", "v1.1.0"), Ok("1.1.0".to_owned()));
    assert_eq!(taken(&versions, "1.2.0", "1.1.0"), Ok("1.1.0".to_owned()));
    assert_eq!(taken(&versions, "1.1.0", "1.1.0"), Err(Reason::LockedToThis));
    assert_eq!(taken(&versions, "1.1.0", "1.5.0"), Err(Reason::NotOffered(version("1.5.0"))));
    for wrong in ["", "Latest", "vv1.0.0", "1.0", "1.0.0.0", "../x"] {
        assert!(wrong.parse::<VersionLock>().is_err(), "{wrong}");
    }
}

#[test]
fn only_for_this_variant_and_machine() {
    let (manifest, current) = (example::manifest(&["1.1.0"]), version("1.0.0"));
    for node in [Node { variant: "aws-k8s", ..node(&current) }, Node { arch: "aarch64", ..node(&current) }] {
        assert_eq!(choose(&manifest, &node, &Record::default()), Choice::Nothing(Reason::NoImage));
        assert!(matches!(explicit(&manifest, &node, &Record::default(), &version("1.1.0")), Choice::Nothing(Reason::NotOffered(_))));
    }
}

#[test]
fn a_wave_that_has_not_come_is_waited_for() {
    let mut manifest = example::manifest(&["1.1.0", "1.2.0"]);
    let current = version("1.0.0");
    manifest.updates[1].waves = waves(1_000_000);
    // An older one that is ready is taken meanwhile, as updog does.
    assert!(matches!(choose(&manifest, &node(&current), &Record::default()), Choice::Take(update) if update.version == version("1.1.0")));
    manifest.updates.remove(0);
    let until = Timestamp::from_seconds(1_001_024);
    assert_eq!(choose(&manifest, &node(&current), &Record::default()), Choice::Wait { update: &manifest.updates[0], until });
    for ready in
        [Node { ignore_waves: true, ..node(&current) }, Node { now: until, ..node(&current) }, Node { seed: 2048, ..node(&current) }]
    {
        assert!(matches!(choose(&manifest, &ready, &Record::default()), Choice::Take(_)), "{ready:?}");
    }
    assert!(matches!(explicit(&manifest, &node(&current), &Record::default(), &version("1.2.0")), Choice::Take(_)));
}

#[test]
fn what_was_bad_is_left_until_it_is_forgiven() {
    let manifest = example::manifest(&["1.1.0", "1.2.0"]);
    let current = version("1.0.0");
    let mut record = bad(&manifest.updates[1]);
    assert!(matches!(choose(&manifest, &node(&current), &record), Choice::Take(update) if update.version == version("1.1.0")));
    let at_it = version("1.1.0");
    assert!(matches!(choose(&manifest, &node(&at_it), &record), Choice::Nothing(Reason::Bad { .. })));
    assert!(matches!(explicit(&manifest, &node(&current), &record, &version("1.2.0")), Choice::Nothing(Reason::Bad { .. })));
    record.forgive(None);
    assert!(matches!(choose(&manifest, &node(&at_it), &record), Choice::Take(_)));
}

#[test]
fn the_image_that_runs_is_not_taken_under_another_version() {
    let (manifest, current) = (example::manifest(&["1.1.0"]), version("1.0.0"));
    let node = Node { root_hash: manifest.updates[0].root_hash, ..node(&current) };
    assert_eq!(choose(&manifest, &node, &Record::default()), Choice::Nothing(Reason::SameImage(version("1.1.0"))));
}

proptest! {
    /// Whatever is offered: what is taken is offered, is not what runs, and is newer unless what runs is too new.
    #[test]
    fn what_is_taken_is_right(minors in prop::collection::btree_set(0u64..9, 1..6), max in 0u64..9, current in 0u64..9, seed: u32) {
        let mut manifest = Manifest { updates: minors.iter().map(|minor| example::update(&format!("1.{minor}.0"))).collect(), ..Manifest::default() };
        manifest.updates.iter_mut().for_each(|update| update.max_version = Version::new(1, max, 0));
        let current = Version::new(1, current, 0);
        let best = minors.iter().rev().find(|minor| **minor <= max).map(|minor| Version::new(1, *minor, 0));
        match choose(&manifest, &Node { seed, ..node(&current) }, &Record::default()) {
            Choice::Take(update) => {
                prop_assert_eq!(Some(&update.version), best.as_ref());
                prop_assert!(update.version > current || current > update.max_version);
            }
            Choice::Wait { .. } => prop_assert!(false),
            Choice::Nothing(_) => prop_assert!(best.is_none_or(|best| best <= current && (current.minor <= max || best == current))),
        }
    }
}
