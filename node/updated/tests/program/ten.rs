//! Ten versions in a row and back: nothing is left behind on any partition.

use crate::node::{BLOCK, Node, blocks};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const LAST: u8 = 10;
/// Bytes that files take in multiples of, on the boot partition and on STATE.
const UNIT: u64 = 4096;
/// FAT: an entry of a folder, and the characters of a long name in one (Microsoft's FAT specification, sections 6 and 7).
const ENTRY: u64 = 32;
const CHARACTERS: u64 = 13;

/// Free bytes of each partition, and how many files there are.
type Room = BTreeMap<&'static str, (u64, usize)>;

/// What a partition's files take, folders included: those of FAT grow with names.
fn taken(folder: &Path) -> (u64, usize) {
    let (mut bytes, mut files, mut entries) = (0, 0, 2);
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        entries += 1 + (entry.file_name().len() as u64).div_ceil(CHARACTERS);
        let facts = entry.metadata().expect("facts");
        if facts.is_dir() {
            let below = taken(&entry.path());
            (bytes, files) = (bytes + below.0, files + below.1);
        } else {
            (bytes, files) = (bytes + facts.len().div_ceil(UNIT) * UNIT, files + 1);
        }
    }
    (bytes + (entries * ENTRY).div_ceil(UNIT) * UNIT, files)
}

fn room(node: &Node) -> Room {
    let mut room: Room = [("ESP", "esp"), ("STATE", "state"), ("DATA", "var/lib/ampoule")]
        .into_iter()
        .map(|(partition, folder)| {
            let (bytes, files) = taken(&node.path(folder));
            (partition, (node.place(partition).1 - bytes, files))
        })
        .collect();
    for partition in ["ROOT-A", "VERITY-A", "ROOT-B", "VERITY-B"] {
        room.insert(partition, (node.place(partition).1, 0));
    }
    room
}

fn name(number: u8) -> String {
    format!("1.{number}.0")
}

/// As long as each other, and different in a tenth.
fn root(number: u8) -> Vec<u8> {
    let mut root = blocks(0, 150);
    root[100..115].fill(200 + number);
    root
}

/// Takes the version that is offered; the room with it on its way and when it is good.
fn takes(node: &mut Node, version: &str, letter: &str) -> (Room, Room) {
    node.take_update();
    let on_its_way = room(node);
    assert!(node.slot_is(letter, version), "slot {letter} is not {version}");
    assert_eq!(node.boot(true), version);
    node.until("it is good and nothing is kept of the way there", |node| {
        let good = node.status()["boot"]["state"] == "good" && node.state() == "Idle";
        (good && node.names("var/lib/ampoule/updated/staged").is_empty()).then_some(())
    });
    (on_its_way, room(node))
}

#[test]
fn ten_versions_in_a_row_and_back_leave_nothing_behind() {
    let mut node = Node::with(&root(0));
    node.write("settle", "1");
    // All at once: the list of what is offered is kept, too, and has its length from then on.
    (0..=LAST).for_each(|number| node.publish(&name(number), &root(number)));
    node.start();
    let mut rooms = Vec::new();
    for number in (1..=LAST).chain((0..LAST).rev()) {
        node.settings(json!({"version-lock": format!("v{}", name(number))}));
        rooms.push(takes(&mut node, &name(number), if number % 2 == 0 { "A" } else { "B" }));
    }
    assert_eq!(rooms.len(), 2 * usize::from(LAST));
    let (on_its_way, then) = &rooms[1];
    for (number, step) in rooms.iter().enumerate().skip(2) {
        assert_eq!((&step.0, &step.1), (on_its_way, then), "after step {}", number + 1);
    }
    assert_eq!(node.web.sent.load(std::sync::atomic::Ordering::SeqCst), 20 * 15 * BLOCK as u64, "nothing but what differs was fetched");
}
