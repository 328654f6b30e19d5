//! A disk that fails: what runs stays, nothing boots what is not whole, and a disk that is well again is enough to go on.

use crate::node::{BLOCK, Node};
use std::fs;
use std::sync::atomic::Ordering;

/// Of the new root's 180 blocks the first 90 are in the one that runs.
const COPIED: u64 = 90;

/// Makes the disk fail in some blocks of a partition.
fn fails(node: &Node, how: &str, partition: &str, first: u64, count: u64) {
    let (start, _) = node.place(partition);
    node.write("disk-faults", format!("{how} {} {}\n", start + first * BLOCK as u64, count * BLOCK as u64));
}

fn is_well(node: &Node) {
    fs::remove_file(node.path("disk-faults")).expect("removed");
}

fn sent(node: &Node) -> u64 {
    node.web.sent.load(Ordering::SeqCst) / BLOCK as u64
}

/// A command fails, says why, and leaves a node that runs what it ran; after a restart, too.
fn refused(node: &mut Node, command: &str, state: &str, why: &[&str]) {
    let said = node.run(command).expect_err("refused");
    assert!(why.iter().all(|word| said.contains(word)), "{said}");
    for _ in 0..2 {
        assert_eq!(node.state(), state);
        assert_eq!(node.names("esp/EFI/Linux"), ["ampoule_1.0.0.efi"]);
        assert_eq!(node.boot(true), "1.0.0");
        assert_eq!(node.status()["boot"]["state"], "good");
    }
    assert_eq!(node.reboots(), 0);
}

/// It takes the update after all.
fn goes_on(node: &mut Node) {
    for command in ["prepare", "activate"] {
        assert_eq!(node.run(command), Ok(()), "{}", node.log());
    }
    assert!(node.slot_b_is("1.1.0"));
    assert_eq!(node.boot(true), "1.1.0");
}

#[test]
fn a_block_that_cannot_be_read_back_stops_the_update() {
    let mut node = Node::offered();
    fails(&node, "read", "ROOT-B", COPIED + 10, 1);
    refused(&mut node, "prepare", "Available", &["could not read", "disk.img", "Input/output error"]);
    let before = sent(&node);
    // A disk that fails still fails.
    refused(&mut node, "prepare", "Available", &["could not read", "Input/output error"]);
    assert_eq!(sent(&node), before + 1, "only what cannot be read is written anew");
    is_well(&node);
    goes_on(&mut node);
    assert!(sent(&node) <= before + 2, "what is there is not fetched again");
}

#[test]
fn blocks_that_the_disk_did_not_keep_are_found_and_fetched_again() {
    let mut node = Node::offered();
    fails(&node, "lose", "ROOT-B", COPIED + 20, 2);
    let first = format!("the first is {}", COPIED + 20);
    refused(&mut node, "prepare", "Available", &["2 blocks of the slot do not read back as they were written", &first]);
    assert_eq!(sent(&node), 180 - COPIED);
    is_well(&node);
    goes_on(&mut node);
    assert_eq!(sent(&node), 180 - COPIED + 2);
}

#[test]
fn a_write_that_fails_stops_the_update() {
    let mut node = Node::offered();
    fails(&node, "write", "ROOT-B", COPIED + 30, 1);
    refused(&mut node, "prepare", "Available", &["could not write", "disk.img", "Input/output error"]);
    is_well(&node);
    goes_on(&mut node);
}

/// Linux tells of a write that failed at the next flush, once; the flush after it succeeds, and the bytes are lost.
#[test]
fn a_flush_that_fails_once_is_not_forgotten() {
    let mut node = Node::offered();
    fails(&node, "write", "ROOT-B", COPIED + 30, 1);
    refused(&mut node, "prepare", "Available", &["could not write"]);
    fails(&node, "lose", "ROOT-B", COPIED + 30, 1);
    let lost = fs::read_to_string(node.path("disk-faults")).expect("faults");
    // The first flush is that of the tree.
    node.write("disk-faults", format!("flush 2\n{lost}"));
    refused(&mut node, "prepare", "Available", &["could not flush", "Input/output error"]);
    let before = sent(&node);
    is_well(&node);
    goes_on(&mut node);
    assert_eq!(sent(&node), before + 60, "what came before the flush that failed is not believed to be there");
}

#[test]
fn a_disk_that_never_flushes_takes_no_update() {
    let mut node = Node::offered();
    node.write("disk-faults", "flush 0\n");
    refused(&mut node, "prepare", "Available", &["could not flush"]);
    is_well(&node);
    goes_on(&mut node);
}

#[test]
fn a_tree_that_the_disk_did_not_keep_is_found() {
    let mut node = Node::offered();
    fails(&node, "lose", "VERITY-B", 0, 1);
    refused(&mut node, "prepare", "Available", &["its tree does not read back as it was written"]);
    is_well(&node);
    goes_on(&mut node);
}

#[test]
fn a_partition_table_that_cannot_be_written_stops_the_update() {
    let mut node = Node::offered();
    node.write("disk-faults", format!("write 0 {}\n", 34 * 512));
    refused(&mut node, "prepare", "Available", &["could not write the partition table of", "Input/output error"]);
    is_well(&node);
    goes_on(&mut node);
}

#[test]
fn a_block_of_the_running_root_that_cannot_be_read_is_fetched() {
    let mut node = Node::offered();
    // Block 70 of what runs is block 10 of the new root.
    fails(&node, "read", "ROOT-A", 70, 1);
    goes_on(&mut node);
    assert_eq!(sent(&node), 180 - COPIED + 1);
    assert!(node.log().contains("a block of the running root is fetched instead"), "{}", node.log());
}

#[test]
fn a_slot_that_cannot_be_read_is_not_gone_back_to() {
    let node = Node::offered();
    node.run("prepare").expect("prepared");
    fs::copy(node.versions["1.1.0"].folder.join("ampoule.efi"), node.path("esp/EFI/Linux/ampoule_1.1.0.efi")).expect("copied");
    fails(&node, "read", "ROOT-B", 0, 1);
    let answer = node.command("rollback")["refused"]["message"].clone();
    assert!(answer.as_str().is_some_and(|why| why.contains("Input/output error")), "{answer}");
    assert_eq!(node.reboots(), 0);
}

/// A kernel image that is not what was written may cost its tries before the node is back.
#[test]
fn a_kernel_image_that_the_disk_did_not_keep_does_not_boot() {
    let mut node = Node::offered();
    node.run("prepare").expect("prepared");
    node.write("esp-damage", "");
    refused(&mut node, "activate", "Staged", &["does not read back from the boot partition as it was written"]);
    fs::remove_file(node.path("esp-damage")).expect("removed");
    assert_eq!(node.run("activate"), Ok(()));
    assert_eq!(node.boot(true), "1.1.0");
}

/// A boot partition that takes no new file: what was to boot next does not, and nothing else changes.
#[test]
fn a_boot_partition_that_cannot_be_written_stops_the_update() {
    let mut node = Node::offered();
    node.run("prepare").expect("prepared");
    // In the place of the file under whose name the image would be written.
    fs::create_dir_all(node.path("esp/EFI/ampoule/next.part/in-the-way")).expect("a folder");
    refused(&mut node, "activate", "Staged", &["the boot partition cannot be used"]);
    fs::remove_dir_all(node.path("esp/EFI/ampoule/next.part")).expect("removed");
    assert_eq!(node.run("activate"), Ok(()));
    assert_eq!(node.boot(true), "1.1.0");
}
