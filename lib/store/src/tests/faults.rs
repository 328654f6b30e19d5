//! A disk that refuses one operation, and one that is full.

use super::memory::Memory;
use super::{draft, now};
use crate::{ConfirmError, RollBackError, Store};
use ampoule_confirm::{Reason, Trial};
use std::io::ErrorKind;
use std::path::Path;

fn open(disk: &Memory, boot: u32) -> Store {
    Store::open_on(Path::new("settings"), Box::new(disk.clone()), &now(boot, 0)).expect("it opens")
}

fn text(store: &Store) -> String {
    store.in_force().map(|g| g.chosen["motd"].as_str().unwrap_or_default().to_owned()).unwrap_or_default()
}

/// "1" confirmed, "2" on trial.
fn on_trial() -> (Memory, Store) {
    let disk = Memory::default();
    let mut store = open(&disk, 1);
    store.commit(draft("1", None), &now(1, 0)).expect("committed");
    store.commit(draft("2", Some(Trial::confirm_within(1000))), &now(1, 0)).expect("committed");
    (disk, store)
}

/// What is in memory is what a restart would find.
fn assert_same_as_reopened(disk: &Memory, store: &Store, at: usize) {
    let again = open(disk, 1);
    assert_eq!(text(&again), text(store), "operation {at}");
    assert_eq!(again.standing().confirmed, store.standing().confirmed, "operation {at}");
    let open = |s: &Store| s.standing().open.as_ref().map(|o| (o.generation, o.trial, o.boots.clone()));
    assert_eq!(open(&again), open(store), "operation {at}");
}

/// Runs `act` with each of its operations refused in turn; `check` gets whether it said it was done.
fn refuse_each(act: impl Fn(&mut Store) -> bool, check: impl Fn(&Store, bool)) {
    for kind in [ErrorKind::StorageFull, ErrorKind::Other] {
        for at in 0.. {
            let (disk, mut store) = on_trial();
            disk.refuse(at, kind);
            let done = act(&mut store);
            let is_past_the_end = disk.stop_refusing();
            check(&store, done);
            assert_same_as_reopened(&disk, &store, at);
            if is_past_the_end {
                assert!(at > 3 && done, "no operation was refused");
                break;
            }
        }
    }
}

#[test]
fn a_commit_that_fails_changes_nothing() {
    let commit = |store: &mut Store| store.commit(draft("3", Some(Trial::PROBATION)), &now(1, 0)).is_ok();
    refuse_each(commit, |store, done| {
        assert_eq!(text(store), if done { "3" } else { "2" });
        assert_eq!(store.standing().open.as_ref().map(|o| o.generation), Some(if done { 3 } else { 2 }));
    });
}

#[test]
fn a_commit_after_one_that_failed_is_as_any_other() {
    for at in 0..8 {
        let (disk, mut store) = on_trial();
        disk.refuse(at, ErrorKind::Other);
        let failed = store.commit(draft("3", Some(Trial::PROBATION)), &now(1, 0)).is_err();
        disk.stop_refusing();
        // With the announcement of the failed one still there, one without a trial must not be taken for it.
        store.roll_back(Reason::NotRecorded, &now(1, 0)).expect("taken back");
        assert_eq!((text(&store), store.standing().open.is_none()), ("1".to_owned(), true), "{at} {failed}");
        assert_same_as_reopened(&disk, &store, at);
    }
}

#[test]
fn a_confirmation_is_what_memory_says_it_is() {
    let confirm = |store: &mut Store| store.confirm(2).is_ok();
    refuse_each(confirm, |store, done| assert!(!done || store.standing().confirmed == 2));
}

#[test]
fn a_return_is_in_force_even_if_it_cannot_be_stored() {
    for at in 0..4 {
        let (disk, mut store) = on_trial();
        disk.refuse(at, ErrorKind::Other);
        assert!(matches!(store.roll_back(Reason::NotRecorded, &now(1, 0)), Err(RollBackError::Store(_))), "{at}");
        assert!(store.owes_roll_back() && text(&store) == "1");
        assert!(matches!(store.confirm(2), Err(ConfirmError::NotOpen(_))));
        // A change made now is no longer held to the trial that was ended.
        let trial = store.commit(draft("3", Some(Trial::PROBATION)), &now(1, 0)).expect("committed").trial;
        assert_eq!((trial, store.standing().confirmed, store.owes_roll_back()), (Some(Trial::PROBATION), 1, false));
        let (disk, mut store) = on_trial();
        disk.refuse(at, ErrorKind::Other);
        assert!(store.roll_back(Reason::NotRecorded, &now(1, 0)).is_err());
        assert_eq!(store.roll_back(Reason::NotRecorded, &now(1, 0)).map(|g| g.number).expect("stored"), 3);
        assert!(!store.owes_roll_back());
        assert_same_as_reopened(&disk, &store, at);
    }
}

#[test]
fn on_a_full_disk_a_commit_is_refused_and_a_return_makes_itself_room() {
    let (disk, mut store) = on_trial();
    store.confirm(2).expect("on trial");
    for n in 3..10 {
        store.commit(draft(&n.to_string(), None), &now(1, 0)).expect("committed");
    }
    store.commit(draft("bad", Some(Trial::confirm_within(1000))), &now(1, 0)).expect("committed");
    disk.leave_space(Some(10));
    let before = disk.content();
    let refused = store.commit(draft("11", Some(Trial::PROBATION)), &now(1, 0)).expect_err("full");
    assert!(refused.is_full() && disk.content() == before && text(&store) == "bad");
    store.roll_back(Reason::NotRecorded, &now(1, 0)).expect("room was made");
    assert_eq!((text(&store).as_str(), store.standing().open.is_none()), ("9", true));
    assert_same_as_reopened(&disk, &store, 0);
}

#[test]
fn with_no_room_at_all_another_boot_goes_by_what_is_confirmed() {
    let (disk, store) = on_trial();
    drop(store);
    disk.leave_space(Some(0));
    let mut store = open(&disk, 2);
    assert_eq!(text(&store), "1", "a boot that cannot be written down is not spent on a trial");
    assert!(store.start().not_stored.is_some() && store.owes_roll_back());
    disk.leave_space(None);
    store.roll_back(Reason::NotRecorded, &now(2, 0)).expect("stored");
    assert_eq!(store.newest().map(|g| g.number), Some(3));
}

#[test]
fn a_confirmed_generation_that_is_damaged_is_replaced_by_the_one_before() {
    use crate::disk::Disk;
    let (mut disk, mut store) = on_trial();
    store.confirm(2).expect("on trial");
    store.commit(draft("3", Some(Trial::confirm_within(1000))), &now(1, 0)).expect("committed");
    disk.write("00000002.json", b"rot").expect("damaged");
    store.roll_back(Reason::NotRecorded, &now(1, 0)).expect("taken back");
    assert_eq!(text(&store), "1");
}
