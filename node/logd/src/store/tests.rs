use std::{fs::OpenOptions, io::Write};

use super::*;
use crate::clock::Moment;

fn place(folder: &std::path::Path, total: u64) -> Place {
    Place { folder: folder.to_owned(), total, segment: total / 16 }
}

fn draft(source: &str, text: &str) -> Draft {
    let moment = Moment { time_ms: 1000, monotonic_ms: 1 };
    Draft { source: source.parse().expect("source"), level: 6, text: text.to_owned(), cut: false, moment }
}

fn read(store: &Store, query: Query) -> Vec<Record> {
    let mut records = Vec::new();
    store
        .history(query)
        .each(|record| {
            records.push(record.clone());
            Ok(())
        })
        .expect("read");
    records
}

fn texts(store: &Store, query: Query) -> Vec<String> {
    read(store, query).into_iter().map(|record| record.text).collect()
}

#[test]
fn sources_are_merged_in_order_and_survive_a_restart() {
    let folder = tempfile::tempdir().expect("folder");
    let mut store = Store::open(place(folder.path(), 1 << 20));
    store.append(vec![draft("apid", "a"), draft("workload/web", "b"), draft("apid", "c")]);
    drop(store);
    let mut store = Store::open(place(folder.path(), 1 << 20));
    store.append(vec![draft("netd", "d")]);
    assert_eq!(texts(&store, Query::default()), ["a", "b", "c", "d"]);
    let numbers: Vec<u64> = read(&store, Query::default()).iter().map(|record| record.seq).collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
    assert_eq!(texts(&store, Query { sources: vec!["workload/".into()], ..Query::default() }), ["b"]);
    assert_eq!(texts(&store, Query { tail: Some(2), ..Query::default() }), ["c", "d"]);
    assert_eq!(texts(&store, Query { tail: Some(0), ..Query::default() }), [""; 0]);
}

#[test]
fn a_torn_end_costs_only_itself() {
    let folder = tempfile::tempdir().expect("folder");
    let mut store = Store::open(place(folder.path(), 1 << 20));
    store.append(vec![draft("apid", "whole"), draft("apid", "torn")]);
    let file = std::fs::read_dir(folder.path().join("apid")).expect("dir").next().expect("file").expect("entry").path();
    let length = std::fs::metadata(&file).expect("meta").len();
    OpenOptions::new().write(true).open(&file).expect("open").set_len(length - 5).expect("cut");
    let mut store = Store::open(place(folder.path(), 1 << 20));
    store.append(vec![draft("apid", "after")]);
    assert_eq!(texts(&store, Query::default()), ["whole", "after"]);
}

#[test]
fn rubbish_in_the_folder_is_survived() {
    let folder = tempfile::tempdir().expect("folder");
    std::fs::create_dir(folder.path().join("apid")).expect("dir");
    let mut file = std::fs::File::create(folder.path().join("apid/00000000000000000005.log")).expect("file");
    file.write_all(&vec![0xff; 300_000]).expect("write");
    std::fs::write(folder.path().join("lost+found"), "x").expect("write");
    let mut store = Store::open(place(folder.path(), 1 << 20));
    store.append(vec![draft("apid", "fine")]);
    assert_eq!(texts(&store, Query::default()), ["fine"]);
    assert!(read(&store, Query::default())[0].seq > 5);
}

#[test]
fn a_flood_forgets_its_own_history_only() {
    let folder = tempfile::tempdir().expect("folder");
    let total = 256 * 1024;
    let mut store = Store::open(place(folder.path(), total));
    store.append(vec![draft("quiet", "important")]);
    for _ in 0..40 {
        store.append((0..100).map(|_| draft("loud", &"x".repeat(200))).collect());
    }
    store.append(vec![draft("quiet", "late")]);
    assert_eq!(texts(&store, Query { sources: vec!["quiet".into()], ..Query::default() }), ["important", "late"]);
    let on_disk: u64 = walk(folder.path());
    assert!(on_disk <= total && on_disk > total / 2, "{on_disk}");
    assert_eq!(on_disk, store.bytes);
    let tail = read(&store, Query { tail: Some(500), ..Query::default() });
    assert_eq!(tail.len(), 500);
    assert!(tail.windows(2).all(|pair| pair[0].seq + 1 == pair[1].seq));
}

#[test]
fn many_sources_are_bounded() {
    let folder = tempfile::tempdir().expect("folder");
    let mut store = Store::open(place(folder.path(), 1 << 20));
    for number in 0..MAX_SOURCES + 10 {
        store.append(vec![draft(&format!("s{number}"), "x")]);
    }
    assert_eq!(std::fs::read_dir(folder.path()).expect("dir").count(), MAX_SOURCES);
    assert!(texts(&store, Query { sources: vec!["s0".into()], ..Query::default() }).is_empty());
}

#[test]
fn a_folder_that_cannot_be_written_is_reported_and_records_still_flow() {
    let mut store = Store::open(place(std::path::Path::new("/proc/nowhere"), 1 << 20));
    let written = store.append(vec![draft("apid", "a")]);
    assert!(written.error.is_some());
    assert_eq!(written.records.len(), 1);
}

fn walk(folder: &std::path::Path) -> u64 {
    let entries = std::fs::read_dir(folder).expect("dir").map(|entry| entry.expect("entry"));
    entries.map(|entry| if entry.path().is_dir() { walk(&entry.path()) } else { entry.metadata().expect("meta").len() }).sum()
}
