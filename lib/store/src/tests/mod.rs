//! The store on a real folder; its neighbours cut the power and fill the disk.

mod crash;
mod faults;
mod memory;

use crate::{Draft, Form, KEEP, Now, Origin, Store};
use ampoule_confirm::{BootId, Reason, Trial};
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

fn now(boot: u32, boot_ms: u64) -> Now {
    Now { boot: BootId::new(&format!("boot-{boot}")).expect("an id"), boot_ms, unix_ms: 1 }
}

fn draft(text: &str, trial: Option<Trial>) -> Draft {
    let (author, message, chosen) = ("test".into(), String::new(), json!({ "motd": text }));
    Draft { author, message, origin: Origin::Api, trial, chosen, generated: BTreeMap::new(), form: Form::default() }
}

fn open(path: &std::path::Path) -> Store {
    Store::open(path, &now(1, 0)).expect("open")
}

fn folder_with(count: u64) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("settings");
    let mut store = open(&path);
    for n in 1..=count {
        store.commit(draft(&n.to_string(), None), &now(1, 0)).expect("commit");
    }
    (folder, path)
}

/// "1", on a disk that needs no waiting for.
fn in_memory() -> Store {
    let mut store = Store::open_on(std::path::Path::new("settings"), Box::new(memory::Memory::default()), &now(1, 0)).expect("open");
    store.commit(draft("1", None), &now(1, 0)).expect("commit");
    store
}

#[test]
fn what_was_committed_is_there_after_reopening() {
    let (_keep, path) = folder_with(3);
    let store = open(&path);
    let newest = store.newest().expect("a generation");
    assert_eq!((newest.number, newest.parent, &newest.chosen), (3, 2, &json!({ "motd": "3" })));
    assert!(newest.digest.starts_with("sha256:") && store.damaged().is_empty());
    assert_eq!(store.standing().confirmed, 3);
}

#[test]
fn what_the_version_before_wrote_is_read() {
    let (_keep, path) = folder_with(0);
    let body = r#"{"number":4,"parent":3,"author":"local","time-ms":7,"message":"","settings":{"motd":"old"}}"#;
    let digest = crate::seal::seal(&serde_json::from_str::<serde_json::Value>(body).expect("JSON")).1;
    let sorted = serde_json::from_str::<serde_json::Value>(body).expect("JSON").to_string();
    fs::write(path.join("00000004.json"), format!("{digest}\n{sorted}")).expect("write");
    let store = open(&path);
    let newest = store.newest().expect("a generation");
    assert_eq!((newest.number, &newest.chosen, newest.trial), (4, &json!({ "motd": "old" }), None));
    assert_eq!((store.standing().confirmed, &newest.origin), (4, &Origin::Api));
}

#[test]
fn cut_anywhere_the_one_before_is_used_and_the_damage_named() {
    let (_keep, path) = folder_with(2);
    let file = path.join("00000002.json");
    let whole = fs::read(&file).expect("read");
    for length in 0..whole.len() {
        fs::write(&file, &whole[..length]).expect("cut");
        let store = open(&path);
        assert_eq!(store.newest().map(|g| g.number), Some(1), "cut at {length}");
        assert_eq!(store.damaged(), std::slice::from_ref(&file));
    }
}

#[test]
fn a_damaged_number_is_never_used_again() {
    let (_keep, path) = folder_with(2);
    fs::write(path.join("00000002.json"), "rot").expect("damage");
    let mut store = open(&path);
    let next = store.commit(draft("x", None), &now(1, 0)).expect("commit");
    assert_eq!((next.number, next.parent), (3, 1));
}

#[test]
fn leftover_drafts_are_no_generations() {
    let (_keep, path) = folder_with(1);
    for leftover in ["00000002.tmp", "00000002.json.tmp", "standing.tmp"].map(|name| path.join(name)) {
        fs::copy(path.join("00000001.json"), &leftover).expect("copy");
        assert_eq!(open(&path).newest().map(|g| g.number), Some(1));
        assert!(!leftover.exists());
    }
}

#[test]
fn the_number_kept_is_bounded_and_what_may_return_stays() {
    let mut store = in_memory();
    for n in 0..KEEP + 7 {
        store.commit(draft(&n.to_string(), Some(Trial::confirm_within(1000))), &now(1, 0)).expect("commit");
    }
    let numbers = store.numbers().expect("list");
    assert_eq!((numbers.len(), numbers.first(), numbers.last()), (KEEP, Some(&1), Some(&(KEEP as u64 + 8))));
    let back = store.roll_back(Reason::NotRecorded, &now(1, 0)).expect("taken back");
    assert_eq!((back.number, &back.chosen), (KEEP as u64 + 9, &json!({ "motd": "1" })));
}

fn of_form(number: u32, earlier: &[u32]) -> Draft {
    let earlier = earlier.iter().map(|form| (*form, json!({}))).collect();
    Draft { form: Form { number, earlier, ..Form::default() }, ..draft(&format!("form {number}"), None) }
}

#[test]
fn what_the_image_before_goes_by_is_kept_until_it_is_provided_for() {
    let mut store = in_memory();
    store.commit(draft("2", None), &now(1, 0)).expect("commit");
    for _ in 0..KEEP + 7 {
        store.commit(of_form(1, &[]), &now(1, 0)).expect("commit");
    }
    store.make_room();
    assert_eq!(store.numbers().expect("list"), [2, KEEP as u64 + 9], "its newest, and the one in force");
    assert_eq!(store.newest_of_form(0).expect("read").expect("there").chosen, json!({ "motd": "2" }));
    store.commit(of_form(1, &[0]), &now(1, 0)).expect("commit");
    store.make_room();
    assert_eq!(store.numbers().expect("list"), [KEEP as u64 + 10]);
}

#[test]
fn a_form_is_there_after_reopening_and_goes_with_the_content() {
    let (_keep, path) = folder_with(1);
    let mut store = open(&path);
    store.commit(of_form(3, &[1, 2]), &now(1, 0)).expect("commit");
    store.commit(Draft { trial: Some(Trial::PROBATION), ..of_form(4, &[]) }, &now(1, 0)).expect("commit");
    let mut store = open(&path);
    let back = store.roll_back(Reason::NotRecorded, &now(1, 0)).expect("taken back");
    assert_eq!((back.form.number, back.form.earlier.keys().copied().collect::<Vec<_>>()), (3, vec![1, 2]));
    let forms: Vec<_> = open(&path).list().expect("list").iter().map(|g| g.form).collect();
    assert_eq!(forms, [0, 3, 4, 3]);
}

#[test]
fn the_bytes_kept_are_bounded() {
    let mut store = in_memory();
    for n in 0..9 {
        store.commit(draft(&n.to_string(), None), &now(1, 0)).expect("commit");
    }
    let size = store.files().expect("list").last().map_or(0, |(_, size)| *size);
    store.prune_to(KEEP, 4 * size);
    assert_eq!(store.numbers().expect("list"), [7, 8, 9, 10]);
    store.prune_to(KEEP, 0);
    assert_eq!(store.numbers().expect("list"), [10], "what is in force stays however large it is");
}

#[test]
fn more_than_would_be_read_back_is_not_written() {
    let (_keep, path) = folder_with(1);
    let mut store = open(&path);
    let refused = store.commit(draft(&"x".repeat(5 << 20), None), &now(1, 0)).expect_err("refused");
    assert!(refused.to_string().contains("the most is 4194304"));
    assert_eq!(open(&path).newest().map(|g| g.number), Some(1));
}

#[test]
fn a_list_has_no_content_and_leaves_damage_out() {
    let (_keep, path) = folder_with(3);
    fs::write(path.join("00000002.json"), "rot").expect("damage");
    let mut store = open(&path);
    let list = store.list().expect("list");
    assert_eq!(list.iter().map(|s| s.number).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(list.last().map(|s| &s.digest), store.newest().map(|g| &g.digest));
    store.commit(draft("4", None), &now(1, 0)).expect("commit");
    fs::remove_file(path.join("00000001.json")).expect("removed");
    assert_eq!(store.list().expect("list").iter().map(|s| s.number).collect::<Vec<_>>(), [3, 4]);
}

#[test]
fn a_damaged_standing_is_named_and_a_trial_begins_anew() {
    let (_keep, path) = folder_with(1);
    open(&path).commit(draft("2", Some(Trial::confirm_within(1000))), &now(1, 0)).expect("commit");
    fs::write(path.join("standing"), "rot").expect("damage");
    let store = Store::open(&path, &now(2, 0)).expect("open");
    assert!(store.start().standing_lost && store.damaged() == [path.join("standing")]);
    assert_eq!((store.standing().confirmed, store.standing().open.as_ref().map(|o| o.generation)), (1, Some(2)));
    let store = Store::open(&path, &now(3, 0)).expect("open");
    assert!(store.start().rolled_back.is_none() && !store.start().standing_lost);
    let store = Store::open(&path, &now(4, 0)).expect("open");
    assert_eq!(store.start().rolled_back, Some((2, Reason::Boots { tried: 2 })));
    assert_eq!(store.in_force().map(|g| &g.chosen), Some(&json!({ "motd": "1" })));
}

#[test]
fn a_flipped_bit_in_any_byte_is_seen() {
    let (_keep, path) = folder_with(1);
    let file = path.join("00000001.json");
    let whole = fs::read(&file).expect("read");
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(&file, &bytes).expect("write");
        let store = open(&path);
        assert!(store.newest().is_none() && store.damaged().len() == 1, "byte {at}");
    }
}

proptest! {
    #[test]
    fn any_bytes_decode_or_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = crate::seal::unseal::<crate::Generation>(&bytes);
        let _ = crate::seal::unseal::<ampoule_confirm::Standing>(&bytes);
    }
}
