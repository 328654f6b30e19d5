//! The boot loader that a version brings: taken when that version was good, if firmware would start it and the disk kept it.

use crate::node::{Node, blocks, file};
use std::fs;

const STAGED: &str = "var/lib/ampoule/updated/staged";

/// Whether a file of the boot loader, by its ending, is the one of this version.
pub(crate) fn is_loader_of(node: &Node, ending: &str, version: &str) -> bool {
    let found = fs::read(node.path("esp/EFI/BOOT/BOOTX64").with_extension(ending));
    found.is_ok_and(|found| found == file(&node.versions[version], "loader.efi"))
}

/// A node whose next boot tries 1.1.0.
fn ready() -> Node {
    let mut node = Node::new();
    node.publish("1.1.0", &blocks(60, 180));
    node.write("settle", "1");
    node.start();
    node.take_update();
    node
}

/// 1.1.0 boots and is good; nothing of it is staged any more.
fn becomes_good(node: &mut Node) {
    assert_eq!(node.boot(true), "1.1.0");
    node.until("it is good", |node| node.names("esp/EFI/Linux").contains(&"ampoule_1.1.0.efi".to_owned()).then_some(()));
    node.until("all of it is used up", |node| node.names(STAGED).is_empty().then_some(()));
}

fn stays(node: &Node, why: &str) {
    assert!(node.log().contains(&format!("the boot loader stays the one that it is: {why}")), "{}", node.log());
    assert!(is_loader_of(node, "EFI", "1.0.0"));
    assert!(!node.path("esp/EFI/BOOT/BOOTX64.NEW").exists());
}

#[test]
fn one_that_the_disk_did_not_keep_does_not_become_the_live_one() {
    let mut node = ready();
    node.write("esp-damage", "");
    becomes_good(&mut node);
    stays(&node, "the boot loader does not read back from the boot partition as it was written: the disk is failing");
}

/// It was staged by an updater that did not look at it.
#[test]
fn one_that_is_no_program_does_not_become_the_live_one() {
    let mut node = ready();
    node.write(&format!("{STAGED}/loader.efi"), "loader");
    // sha256sum(1) of it.
    let sha256 = "d47712cceb4c780603026e6325221c1bcff90679ebc076baa51c71ebe796717c";
    node.write(&format!("{STAGED}/loader.efi.sha256"), format!("{sha256} 6\n"));
    becomes_good(&mut node);
    stays(&node, "the boot loader of version 1.1.0 is refused: firmware would not start it: it does not begin with MZ");
}

/// Power that goes right after a boot was called good leaves the loader of before and all that was staged.
#[test]
fn what_a_power_cut_left_is_done_at_the_next_start() {
    let mut node = ready();
    let staged: Vec<_> = node.names(STAGED).into_iter().map(|name| format!("{STAGED}/{name}")).collect();
    let staged: Vec<_> = staged.into_iter().map(|path| (fs::read(node.path(&path)).expect("staged"), path)).collect();
    becomes_good(&mut node);
    assert!(is_loader_of(&node, "EFI", "1.1.0"));
    node.kill();
    staged.iter().for_each(|(bytes, path)| node.write(path, bytes));
    node.write("esp/EFI/BOOT/BOOTX64.EFI", file(&node.versions["1.0.0"], "loader.efi"));
    node.start();
    assert!(is_loader_of(&node, "EFI", "1.1.0") && is_loader_of(&node, "OLD", "1.0.0"), "{}", node.log());
    assert!(node.names(STAGED).is_empty());
}

#[test]
fn what_is_staged_for_the_next_boot_stays() {
    let mut node = Node::offered();
    node.run("prepare").expect("prepared");
    let staged = node.names(STAGED);
    node.start();
    assert_eq!((node.names(STAGED), node.state().as_str()), (staged, "Staged"));
    assert!(is_loader_of(&node, "EFI", "1.0.0"));
}

#[test]
fn the_one_of_a_version_that_was_bad_is_not_taken() {
    let mut node = ready();
    for _ in 0..3 {
        assert_eq!(node.boot(false), "1.1.0");
    }
    assert_eq!(node.boot(true), "1.0.0");
    assert_eq!((node.status()["boot"]["state"].as_str(), node.state().as_str()), (Some("fell-back"), "Idle"));
    assert!(node.names(STAGED).contains(&"loader.efi".to_owned()), "this is about what is there");
    assert!(is_loader_of(&node, "EFI", "1.0.0"));
}
