//! Mirrors, disks, clocks and boot partitions that are not as they should be.

use crate::node::{BLOCK, Node, blocks};
use ampoule_publish::now;
use serde_json::json;
use std::fs;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering;

#[test]
fn a_wrong_block_is_named_and_never_written() {
    let node = Node::offered();
    // A block that the running root does not have.
    node.web.lie.store(170, Ordering::SeqCst);
    let said = node.run("prepare").expect_err("refused");
    assert!(said.contains("wrong bytes for block 170 of http://127.0.0.1:") && said.contains("root.erofs"), "{said}");
    assert_eq!(node.state(), "Available");
    assert!(node.partition("ROOT-B", 180 * BLOCK).0[170 * BLOCK..171 * BLOCK].iter().all(|byte| *byte == 0));
    assert!(node.log().contains("the whole root is fetched instead: the server sent wrong bytes"), "{}", node.log());
    // With an honest mirror it goes on where it was.
    node.web.lie.store(-1, Ordering::SeqCst);
    node.run("prepare").expect("prepared");
    assert!(node.slot_b_is("1.1.0"));
}

#[test]
fn a_disk_that_ends_too_early_is_an_error_that_names_it() {
    let mut node = Node::offered();
    node.kill();
    let disk = fs::OpenOptions::new().write(true).open(node.path("disk.img")).expect("a disk");
    let start = ampoule_layout::gpt::entries(&fs::read(node.path("disk.img")).expect("a disk"), 512).expect("a table");
    let root_b = start.into_iter().find(|entry| entry.name == "ROOT-B").expect("a slot").start;
    disk.set_len(root_b + 1000).expect("cut");
    node.start();
    let said = node.run("prepare").expect_err("refused");
    assert!(said.contains("disk.img"), "{said}");
    assert_eq!(node.state(), "Available");
    assert_eq!(node.names("esp/EFI/Linux"), ["ampoule_1.0.0.efi"]);
}

#[test]
fn a_boot_partition_without_room_is_refused_before_a_byte_is_written() {
    let node = Node::offered();
    // A new image, and the copy under which it gets its name when it is good.
    node.write("esp-free", "20000");
    let said = node.run("prepare").expect_err("refused");
    assert!(said.contains("no room") && said.contains("20000 are free"), "{said}");
    assert!(node.partition("ROOT-B", BLOCK).0.iter().all(|byte| *byte == 0));
    node.write("esp-free", "50000");
    node.run("prepare").expect("prepared");
    node.write("esp-free", "20000");
    assert!(node.run("activate").expect_err("refused").contains("no room"));
    assert_eq!((node.state().as_str(), node.names("esp/EFI/Linux")), ("Staged", vec!["ampoule_1.0.0.efi".to_owned()]));
    assert!(node.names("esp/EFI/ampoule").is_empty());
}

#[test]
fn a_root_that_its_slot_does_not_hold_is_refused_before_anything_is_fetched_or_written() {
    let mut node = Node::new();
    // The slot holds 1024.
    node.publish("1.1.0", &blocks(60, 1025));
    node.start();
    node.run("refresh").expect("refreshed");
    // The way back, which clearing the slot would take.
    fs::copy(node.path("esp/EFI/Linux/ampoule_1.0.0.efi"), node.path("esp/EFI/Linux/ampoule_0.9.0.efi")).expect("copied");
    let disk = fs::read(node.path("disk.img")).expect("a disk");
    let said =
        [node.run("prepare").expect_err("refused"), node.command("plan")["refused"]["message"].as_str().expect("refused").to_owned()];
    for said in said {
        assert!(said.contains("the root of version 1.1.0 has 4198400 bytes, the slot of this disk for it holds 4194304"), "{said}");
    }
    assert_eq!((node.web.sent.load(Ordering::SeqCst), node.web.images.load(Ordering::SeqCst)), (0, 0));
    assert!(node.names("var/lib/ampoule/updated/staged").is_empty());
    assert!(fs::read(node.path("disk.img")).expect("a disk") == disk, "the disk was written to");
    assert_eq!(node.names("esp/EFI/Linux"), ["ampoule_0.9.0.efi", "ampoule_1.0.0.efi"]);
    assert_eq!(node.state(), "Available");
}

#[test]
fn a_clock_that_is_wrong_is_what_an_expired_repository_is_told_with() {
    let mut node = Node::new();
    node.publish_at("1.1.0", &blocks(60, 180), now().plus(-10 * 366 * 86_400));
    node.start();
    let said = node.run("refresh").expect_err("refused");
    assert!(said.contains("has expired; the node's clock says 20"), "{said}");
    // The clock was years ahead when it was refused, and is right now: nothing remembers the wrong time.
    assert!(!node.path("var/lib/ampoule/updated/metadata/latest_known_time.json").exists());
    node.write("var/lib/ampoule/updated/metadata/latest_known_time.json", "\"2099-01-01T00:00:00Z\"");
    let said = node.run("refresh").expect_err("refused");
    assert!(said.contains("but it was 2099-01-01T00:00:00Z when updates were last looked for"), "{said}");
}

#[test]
fn without_trust_or_address_it_is_said_what_is_missing() {
    let mut node = Node::new();
    node.publish("1.1.0", &blocks(60, 180));
    fs::remove_file(node.path("usr/share/updog/root.json")).expect("removed");
    node.start();
    assert!(node.run("refresh").expect_err("refused").contains("it was built without a root of trust"));
    node.write("usr/share/updog/root.json", fs::read(node.keys.root_path()).expect("a root"));
    node.write("etc/ampoule/updates.json", "{}");
    assert!(node.run("refresh").expect_err("refused").contains("settings.updates.metadata-base-url is not set"));
}

#[test]
fn what_is_on_the_disk_of_data_is_proved_again_before_it_boots() {
    let node = Node::offered();
    node.run("prepare").expect("prepared");
    let path = node.path("var/lib/ampoule/updated/staged/image.efi");
    let mut bytes = fs::read(&path).expect("an image");
    *bytes.last_mut().expect("bytes") ^= 1;
    fs::write(&path, bytes).expect("written");
    assert!(node.run("activate").expect_err("refused").contains("not the one that was verified"));
    assert_eq!(node.names("esp/EFI/Linux"), ["ampoule_1.0.0.efi"]);
}

#[test]
fn a_damaged_slot_is_not_gone_back_to() {
    let node = Node::offered();
    assert_eq!(node.command("rollback")["refused"]["code"], "not-found");
    // Somebody put an image on the boot partition whose slot is empty.
    fs::copy(node.versions["1.1.0"].folder.join("ampoule.efi"), node.path("esp/EFI/Linux/ampoule_1.1.0.efi")).expect("copied");
    let refused = node.command("rollback")["refused"]["message"].as_str().expect("a message").to_owned();
    assert!(refused.contains("the other slot is damaged"), "{refused}");
    assert_eq!(node.reboots(), 0);
}

#[test]
fn noise_on_its_socket_and_in_its_files_is_answered() {
    let mut node = Node::new();
    node.publish("1.1.0", &blocks(60, 180));
    node.write("state/updated/record.json", [0xff; 100]);
    node.write("var/lib/ampoule/updated/staged/done", [0xff; 100]);
    node.write("var/lib/ampoule/updated/staged/tree", [0xff; 100]);
    node.write("var/lib/ampoule/updated/metadata/timestamp.json", "{");
    node.start();
    for line in [&b"\n"[..], b"{}\n", b"{\"command\":\"format\"}\n", &[b'x'; 5000]] {
        let mut stream = UnixStream::connect(node.path("run/ampoule/updated/command")).expect("connects");
        let _ = stream.write_all(line);
    }
    assert_eq!(node.ask(json!({"command": "format"}))["refused"]["code"], "failed");
    node.take_update();
    assert!(node.slot_b_is("1.1.0"));
}
