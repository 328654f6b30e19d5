use proptest::prelude::*;

use super::*;
use crate::{example, manifest::Update};

const HASH: [u8; 32] = [9; 32];

fn version(text: &str) -> Version {
    text.parse().expect("a version")
}

fn esp(images: &[&str]) -> Esp {
    Esp { images: images.iter().map(ToString::to_string).collect(), ..Esp::default() }
}

fn next() -> Update {
    example::update("2.0.0")
}

/// The updater of 1.0.0 with 2.0.0 chosen.
fn record(state: State, tried: bool) -> Record {
    let update = next();
    let trial = Trial {
        version: update.version.clone(),
        root_hash: update.root_hash.to_string(),
        from: version("1.0.0"),
        since: Timestamp::default(),
        workloads: vec!["web".into()],
        boot: "first".into(),
    };
    let mut record = Record::default();
    (record.state, record.chosen, record.trial) = (state, Some(update), tried.then_some(trial));
    record
}

fn start(record: &mut Record, images: &[&str], running: &str, staged: bool) -> Standing {
    let (esp, running) = (esp(images), version(running));
    let root_hash = if running == next().version { next().root_hash } else { RootHash::from_bytes(HASH) };
    let facts = Facts { esp: &esp, running: &running, root_hash, boot: "first", staged, whole: true, now: Timestamp::default() };
    at_start(record, &facts)
}

/// The same after a boot, or not; with the image of 2.0.0 whole on the boot partition, or not.
fn start_after(record: &mut Record, boot: &str, whole: bool) -> Standing {
    let (esp, running) = (esp(&["ampoule_1.0.0.efi", "ampoule_2.0.0+3.efi"]), version("1.0.0"));
    let root_hash = RootHash::from_bytes(HASH);
    at_start(record, &Facts { esp: &esp, running: &running, root_hash, boot, staged: true, whole, now: Timestamp::default() })
}

#[test]
fn an_image_that_the_loader_passes_over_is_bad_and_one_that_was_cut_off_is_written_again() {
    for (boot, whole, state, bad) in [
        ("first", true, State::Ready, false),
        ("", true, State::Ready, false),
        ("second", false, State::Staged, false),
        ("first", false, State::Staged, false),
        ("second", true, State::Idle, true),
    ] {
        let mut record = record(State::Ready, true);
        assert_eq!(start_after(&mut record, boot, whole), Standing::Good);
        assert_eq!((record.state, record.bad().count() == 1), (state, bad), "{boot} {whole}");
        assert_eq!(record.boot.state == BootState::FellBack, boot == "second");
        let once = record.clone();
        assert_eq!(start_after(&mut record, boot, whole), Standing::Good);
        assert_eq!(record, once);
    }
}

#[test]
fn the_first_installation_is_on_trial_and_one_that_was_good_is_not() {
    let mut record = Record::default();
    assert_eq!(start(&mut record, &["ampoule_1.0.0+2-1.efi"], "1.0.0", false), Standing::Trial);
    assert_eq!(start(&mut record, &["ampoule_1.0.0.efi"], "1.0.0", false), Standing::Good);
    assert_eq!(
        start(&mut record, &["ampoule_1.0.0.efi", "ampoule_1.0.0+2-1.efi"], "1.0.0", false),
        Standing::Good,
        "the renaming was interrupted"
    );
    assert_eq!(start(&mut record, &["other.efi"], "1.0.0", false), Standing::Foreign);
    assert_eq!(record, Record::default());
}

#[test]
fn a_new_version_is_on_trial_with_what_it_has_to_prove_and_then_nothing_is_left_of_it() {
    let mut record = record(State::Ready, true);
    assert_eq!(start(&mut record, &["ampoule_1.0.0.efi", "ampoule_2.0.0+2-1.efi"], "2.0.0", false), Standing::Trial);
    assert_eq!((record.state, &record.chosen), (State::Idle, &None));
    assert_eq!(record.trial.as_ref().expect("kept").workloads, ["web"]);
    assert_eq!(start(&mut record, &["ampoule_1.0.0.efi", "ampoule_2.0.0.efi"], "2.0.0", false), Standing::Good);
    assert_eq!((&record.trial, record.bad().count()), (&None, 0));
}

#[test]
fn a_version_that_used_up_its_tries_is_bad_and_said_once() {
    let mut record = record(State::Ready, true);
    let images = ["ampoule_1.0.0.efi", "ampoule_2.0.0+0-3.efi"];
    assert_eq!(start(&mut record, &images, "1.0.0", true), Standing::Good);
    assert_eq!((record.state, &record.chosen, &record.trial), (State::Idle, &None, &None));
    let bad = record.reason_against(&version("2.0.0"), next().root_hash).expect("remembered");
    assert_eq!(bad.reason, "it did not come up in 3 tries");
    assert_eq!((record.boot.state, record.boot.reason.as_str()), (BootState::FellBack, "version 2.0.0: it did not come up in 3 tries"));
    let before = record.clone();
    assert_eq!(start(&mut record, &images, "1.0.0", true), Standing::Good);
    assert_eq!(record, before);
}

#[test]
fn who_was_killed_between_two_writes_is_found_where_the_disk_is() {
    let active = ["ampoule_1.0.0.efi", "ampoule_2.0.0+3.efi"];
    let idle = ["ampoule_1.0.0.efi"];
    type Before<'a> = (State, bool, &'a [&'a str], bool);
    // (state, trial, images, slot whole) → (state, trial)
    let cases: [(Before, (State, bool)); 9] = [
        ((State::Staged, false, &idle, true), (State::Staged, false)),
        ((State::Staged, true, &idle, true), (State::Staged, false)),
        ((State::Staged, true, &active, true), (State::Ready, true)),
        ((State::Staged, false, &active, true), (State::Ready, true)),
        ((State::Ready, true, &active, true), (State::Ready, true)),
        ((State::Ready, true, &idle, true), (State::Staged, false)),
        ((State::Staged, false, &idle, false), (State::Available, false)),
        ((State::Ready, true, &active, false), (State::Available, false)),
        ((State::Available, false, &idle, true), (State::Available, false)),
    ];
    for ((state, tried, images, staged), then) in cases {
        let mut record = record(state, tried);
        assert_eq!(start(&mut record, images, "1.0.0", staged), Standing::Good);
        assert_eq!((record.state, record.trial.is_some()), then, "{state:?} {tried} {images:?} {staged}");
    }
}

#[test]
fn a_bad_boot_is_given_up_again_unless_it_is_all_there_is() {
    let mut record = Record::default();
    let (version, root_hash) = (next().version, next().root_hash.to_string());
    record.condemn(BadVersion { version, root_hash, reason: "no API".into(), at: Timestamp::default() });
    assert_eq!(start(&mut record, &["ampoule_1.0.0.efi", "ampoule_2.0.0+2-1.efi"], "2.0.0", false), Standing::Condemn);
    assert_eq!(start(&mut record, &["ampoule_1.0.0+0-3.efi", "ampoule_2.0.0+0-1.efi"], "2.0.0", false), Standing::Trial);
    let other = next().version;
    assert!(!can_go_back(&esp(&["ampoule_2.0.0.efi"]), &record, &other, next().root_hash), "it is bad");
    let none = Record::default();
    for (image, may) in [
        ("ampoule_2.0.0.efi", true),
        ("ampoule_2.0.0+1-2.efi", true),
        ("ampoule_2.0.0+0-0.efi", true),
        ("ampoule_2.0.0+0-3.efi", false),
        ("x.efi", false),
    ] {
        assert_eq!(can_go_back(&esp(&[image]), &none, &other, next().root_hash), may, "{image}");
    }
}

proptest! {
    /// Looking twice finds what looking once found: a start that is interrupted changes nothing.
    #[test]
    fn it_settles(state in prop::sample::select(&State::ALL[..]), tried: bool, chosen: bool, staged: bool, of_two in 0usize..5, of_one in 0usize..4, two: bool) {
        let ones = ["", "+3", "+2-1", "+0-3"];
        let mut images = vec![format!("ampoule_1.0.0{}.efi", ones[of_one])];
        images.extend(ones.get(of_two).map(|counter| format!("ampoule_2.0.0{counter}.efi")));
        let images: Vec<_> = images.iter().map(String::as_str).collect();
        let mut record = record(state, tried);
        record.chosen = record.chosen.filter(|_| chosen);
        let running = if two && images.len() > 1 { "2.0.0" } else { "1.0.0" };
        let first = start(&mut record, &images, running, staged);
        let once = record.clone();
        prop_assert_eq!(start(&mut record, &images, running, staged), first);
        prop_assert_eq!(&record, &once);
        prop_assert_eq!(record.state == State::Ready, record.state == State::Ready && record.trial.is_some());
        prop_assert!(record.chosen.is_some() || record.state == State::Idle);
    }
}
