use super::*;
use proptest::prelude::*;
use serde_json::json;

fn draft(text: &str) -> Draft {
    Draft { author: "test".into(), time_ms: 1, message: String::new(), settings: json!({ "motd": text }) }
}

fn folder_with(count: u64) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("settings");
    let mut store = Store::open(&path).expect("open");
    for n in 1..=count {
        store.commit(draft(&n.to_string())).expect("commit");
    }
    (folder, path)
}

#[test]
fn what_was_committed_is_there_after_reopening() {
    let (_keep, path) = folder_with(3);
    let store = Store::open(&path).expect("open");
    let newest = store.newest().expect("a generation");
    assert_eq!((newest.number, newest.parent, &newest.settings), (3, 2, &json!({ "motd": "3" })));
    assert!(store.damaged().is_empty());
}

#[test]
fn cut_anywhere_the_one_before_is_used_and_the_damage_named() {
    let (_keep, path) = folder_with(2);
    let file = path.join("00000002.json");
    let whole = fs::read(&file).expect("read");
    for length in 0..whole.len() {
        fs::write(&file, &whole[..length]).expect("cut");
        let store = Store::open(&path).expect("open");
        assert_eq!(store.newest().map(|g| g.number), Some(1), "cut at {length}");
        assert_eq!(store.damaged(), std::slice::from_ref(&file));
    }
}

#[test]
fn a_damaged_number_is_never_used_again() {
    let (_keep, path) = folder_with(2);
    fs::write(path.join("00000002.json"), "rot").expect("damage");
    let mut store = Store::open(&path).expect("open");
    let next = store.commit(draft("x")).expect("commit");
    assert_eq!((next.number, next.parent), (3, 1));
}

#[test]
fn a_leftover_draft_is_not_a_generation() {
    let (_keep, path) = folder_with(1);
    let leftover = path.join("00000002.tmp");
    fs::copy(path.join("00000001.json"), &leftover).expect("copy");
    assert_eq!(Store::open(&path).expect("open").newest().map(|g| g.number), Some(1));
    assert!(!leftover.exists());
}

#[test]
fn the_number_kept_is_bounded_and_the_newest_stays() {
    let (_keep, path) = folder_with(KEEP as u64 + 7);
    let numbers = Store::open(&path).expect("open").numbers().expect("list");
    assert_eq!((numbers.len(), numbers.last().copied()), (KEEP, Some(KEEP as u64 + 7)));
}

#[test]
fn a_full_disk_leaves_the_newest_as_it_was() {
    let (_keep, path) = folder_with(1);
    let mut store = Store::open(&path).expect("open");
    // A folder in the draft's place cannot be written to, by root neither.
    fs::create_dir(path.join("00000002.tmp")).expect("folder");
    assert!(store.commit(draft("x")).is_err());
    assert_eq!(store.newest().map(|g| g.number), Some(1));
}

proptest! {
    #[test]
    fn any_flipped_bit_is_seen(at in 0usize..10_000, bit in 0u8..8) {
        let (_keep, path) = folder_with(1);
        let file = path.join("00000001.json");
        let mut bytes = fs::read(&file).expect("read");
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        fs::write(&file, &bytes).expect("write");
        let store = Store::open(&path).expect("open");
        prop_assert!(store.newest().is_none() && store.damaged().len() == 1);
    }

    #[test]
    fn any_bytes_decode_or_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = file::decode(&bytes);
    }
}
