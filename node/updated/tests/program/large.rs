//! Kernel images that are nearly as large as the memory that the updater has (32 MiB).

use crate::node::{Node, blocks, file};
use std::fs;
use std::sync::atomic::Ordering;

const MIB: u64 = 1 << 20;
/// What a whole image would be more than.
const GROWS: u64 = 24 * MIB;

/// Refreshes, prepares and activates; the memory that it took beyond what the updater had.
fn takes_in_little_memory(node: &Node, version: &str) {
    let before = node.peak();
    node.take_update();
    let grown = node.peak() - before;
    let name = format!("ampoule_{version}+3.efi");
    let image = fs::read(node.path("esp/EFI/Linux").join(name)).expect("an image");
    assert!(image.len() as u64 > 31 * MIB && image == file(&node.versions[version], "ampoule.efi"));
    assert!(grown < GROWS, "{} MiB for {version}", grown / MIB);
}

#[test]
fn an_image_of_31_mib_is_installed_in_less_memory_than_it_has_bytes() {
    let mut node = Node::new();
    node.kernel = 31 * MIB as usize;
    node.write("settle", "1");
    node.publish("1.1.0", &blocks(60, 180));
    node.start();
    takes_in_little_memory(&node, "1.1.0");
    assert_eq!(node.boot(true), "1.1.0");
    // On trial it takes no other update.
    node.until("it is good and nothing is kept of the way there", |node| {
        let good = node.status()["boot"]["state"] == "good" && node.state() == "Idle";
        (good && node.names("var/lib/ampoule/updated/staged").is_empty()).then_some(())
    });
    // Its kernel is the running one's: the image is put together from that.
    node.publish("1.2.0", &blocks(70, 180));
    let sent = node.web.images.load(Ordering::SeqCst);
    takes_in_little_memory(&node, "1.2.0");
    assert!(node.web.images.load(Ordering::SeqCst) - sent < MIB, "the kernel was fetched");
}
