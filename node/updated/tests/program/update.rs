//! An update as it should go, and as it goes with interruptions.

use crate::node::{BLOCK, Node, blocks, file};
use ampoule_api_types::v1::WorkloadState;
use ampoule_migrate::Migration;
use ampoule_publish::now;
use serde_json::json;
use std::fs;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Of 1.0.0 with 150 blocks, 140 are in it; 60 are new.
fn next() -> Vec<u8> {
    let mut next = blocks(10, 140);
    next.extend((0..60).map(|i| 190 + i as u8));
    next
}

#[test]
fn only_new_blocks_are_fetched_and_the_next_boot_tries_them() {
    let mut node = Node::new();
    node.publish("1.1.0", &next());
    node.start();
    assert_eq!(node.state(), "Idle");
    assert_eq!(node.run("prepare").expect_err("refused"), "prepare is not possible in state Idle: no update is known, refresh first");
    node.run("refresh").expect("refreshed");
    let status = node.status();
    assert_eq!(status["status"]["chosen_update"], json!({"arch": "x86_64", "version": "1.1.0", "variant": "standalone"}));
    let plan = node.command("plan")["ok"].clone();
    let kernel = ampoule_update::uki::kernel(&file(&node.versions["1.1.0"], "ampoule.efi")).expect("a kernel").len();
    assert_eq!(
        (plan["from"].as_str(), plan["to"].as_str(), plan["reuse-bytes"].as_u64()),
        (Some("1.0.0"), Some("1.1.0"), Some((140 * BLOCK + kernel) as u64))
    );
    node.workloads.lock().expect("lock").extend([("web".to_owned(), WorkloadState::Running), ("off".to_owned(), WorkloadState::Failed)]);
    node.run("prepare").expect("prepared");
    assert_eq!(node.state(), "Staged");
    assert!(node.slot_b_is("1.1.0"), "{}", node.log());
    assert_eq!(node.web.sent.load(Ordering::SeqCst), 60 * BLOCK as u64, "exactly what it does not have");
    assert!(node.web.images.load(Ordering::SeqCst) < 4000, "the kernel is the one that runs");
    assert_eq!(node.names("esp/EFI/Linux"), ["ampoule_1.0.0.efi"], "nothing boots it yet");
    node.run("activate").expect("activated");
    assert_eq!(node.names("esp/EFI/Linux"), ["ampoule_1.0.0.efi", "ampoule_1.1.0+3.efi"]);
    let record = fs::read_to_string(node.path("state/updated/record.json")).expect("a record");
    assert!(record.contains("\"web\"") && !record.contains("\"off\""), "what ran is what must run again: {record}");
    assert_eq!(node.status()["status"]["staging_partition"]["next_to_boot"], true);
    node.run("deactivate").expect("deactivated");
    assert_eq!((node.state().as_str(), node.names("esp/EFI/Linux")), ("Staged", vec!["ampoule_1.0.0.efi".to_owned()]));
    node.run("activate").expect("activated again");
    assert_eq!(node.boot(true), "1.1.0");
}

#[test]
fn a_plan_names_what_happens_to_settings_on_the_way() {
    let mut node = Node::new();
    let migration = |from: &str, to: &str, change: &str| Migration {
        from: from.parse().expect("a version"),
        to: to.parse().expect("a version"),
        changes: vec![change.to_owned()],
    };
    node.migrations = vec![
        migration("0.1.0", "0.9.0", "add settings.known"),
        migration("0.9.0", "1.0.5", "move settings.a to settings.b"),
        migration("1.0.5", "1.1.0", "remove settings.c"),
        migration("1.1.0", "1.2.0", "add settings.later"),
    ];
    node.publish("1.1.0", &next());
    node.start();
    node.run("refresh").expect("refreshed");
    let forward = json!(["0.9.0 → 1.0.5: move settings.a to settings.b", "1.0.5 → 1.1.0: remove settings.c"]);
    assert_eq!(node.command("plan")["ok"]["migrations"], forward);
    // Still known when the repository is not asked again.
    node.run("prepare").expect("prepared");
    node.start();
    assert_eq!(node.command("plan")["ok"]["migrations"], forward);
}

#[test]
fn an_older_version_boots_next_when_it_is_asked_for_and_the_newer_one_steps_back() {
    let mut node = Node::new();
    node.publish("0.9.0", &next());
    node.settings(json!({"version-lock": "v0.9.0"}));
    node.start();
    node.take_update();
    assert_eq!(node.names("esp/EFI/Linux"), ["ampoule_0.9.0+3.efi", "ampoule_1.0.0+0-0.efi"]);
    node.run("deactivate").expect("deactivated");
    assert_eq!(node.names("esp/EFI/Linux"), ["ampoule_1.0.0.efi"]);
}

#[test]
fn a_server_without_ranges_brings_the_whole_root() {
    let mut node = Node::new();
    node.publish("1.1.0", &next());
    node.web.ranges.store(false, Ordering::SeqCst);
    node.start();
    node.take_update();
    assert!(node.slot_b_is("1.1.0"));
    assert!(node.log().contains("the server sends whole files only"), "{}", node.log());
}

#[test]
fn a_new_kernel_is_fetched_with_its_image() {
    let mut node = Node::new();
    // A longer version has another kernel.
    node.publish("1.1.0-rc.1", &next());
    node.start();
    node.take_update();
    assert!(node.web.images.load(Ordering::SeqCst) > 10_000);
    assert!(node.slot_b_is("1.1.0-rc.1"));
}

#[test]
fn a_kernel_image_that_does_not_come_out_right_is_fetched_whole() {
    let mut node = Node::new();
    node.publish("1.1.0", &next());
    // The kernel is the same, what is around it is not what was signed: only an image that is fetched whole is.
    node.web.lie_about_parts.store(true, Ordering::SeqCst);
    node.start();
    node.take_update();
    assert!(node.log().contains("wrong bytes around the kernel"), "{}", node.log());
    assert_eq!(fs::read(node.path("esp/EFI/Linux/ampoule_1.1.0+3.efi")).expect("an image"), file(&node.versions["1.1.0"], "ampoule.efi"));
}

/// Blocks that differ from those of 1.0.0, in many ranges.
fn all_new(count: usize) -> Vec<u8> {
    (0..count).map(|i| 201 + (i % 50) as u8).collect()
}

#[test]
fn what_came_before_a_connection_broke_is_not_fetched_again() {
    let mut node = Node::new();
    node.publish("1.1.0", &all_new(800));
    node.start();
    node.run("refresh").expect("refreshed");
    // 300 blocks, then every connection ends; the tries run out.
    node.web.budget.store(300 * BLOCK as i64, Ordering::SeqCst);
    assert!(node.run("prepare").expect_err("no more bytes").contains("the connection ended after"));
    assert_eq!(node.state(), "Available");
    // The updater dies as well.
    node.start();
    node.web.budget.store(i64::MAX, Ordering::SeqCst);
    node.run("prepare").expect("prepared");
    assert!(node.slot_b_is("1.1.0"));
    // What was on its way in four connections is lost, less than a block in each, and what the fetcher had taken and not handed on.
    let sent = node.web.sent.load(Ordering::SeqCst);
    assert!(sent <= (800 + 4 * 64) * BLOCK as u64, "{} blocks", sent / BLOCK as u64);
}

#[test]
fn what_is_noted_as_done_is_looked_at_again() {
    let mut node = Node::new();
    node.publish("1.1.0", &next());
    node.start();
    node.run("refresh").expect("refreshed");
    node.run("prepare").expect("prepared");
    // Somebody else wrote into the slot.
    let (root, _) = node.partition("ROOT-B", 200 * BLOCK);
    let mut disk = fs::read(node.path("disk.img")).expect("a disk");
    let at = disk.windows(root.len()).position(|part| part == root).expect("the slot");
    disk[at + 70 * BLOCK..at + 72 * BLOCK].fill(0xee);
    fs::write(node.path("disk.img"), disk).expect("written");
    node.run("prepare").expect("prepared again");
    assert!(node.slot_b_is("1.1.0"));
    assert_eq!(node.web.sent.load(Ordering::SeqCst), 60 * BLOCK as u64, "the two blocks were in the running root");
}

/// Killed again and again, wherever it is, it comes to its end: and at no moment does anything but the running version or a whole new one boot.
#[test]
fn killed_at_any_moment_it_finds_its_way() {
    let mut node = Node::new();
    node.publish("1.1.0", &all_new(400));
    node.web.pace.store(1, Ordering::SeqCst);
    let mut wait = Duration::from_millis(1);
    for round in 0..60 {
        node.start();
        std::thread::scope(|scope| {
            let driven = &node;
            scope.spawn(move || {
                for command in ["refresh", "prepare", "activate"] {
                    drive(driven, command);
                }
            });
            std::thread::sleep(wait);
        });
        node.kill();
        let images = node.names("esp/EFI/Linux");
        assert!(images.contains(&"ampoule_1.0.0.efi".to_owned()), "round {round}: {images:?}");
        if images.iter().any(|name| name.starts_with("ampoule_1.1.0")) {
            assert!(node.slot_b_is("1.1.0"), "round {round}");
        }
        wait = wait * 5 / 4;
        if wait > Duration::from_secs(4) {
            break;
        }
    }
    node.start();
    if node.state() != "Ready" {
        node.web.pace.store(0, Ordering::SeqCst);
        for command in ["refresh", "prepare", "activate"] {
            // What the state does not take is done.
            let _ = node.run(command);
        }
    }
    assert_eq!(node.state(), "Ready", "{}", node.log());
    assert_eq!(node.boot(true), "1.1.0");
}

/// Asks for a command, and waits for its end as long as somebody answers.
fn drive(node: &Node, command: &str) {
    let Some(_) = node.try_ask(&json!({"command": command})) else { return };
    for _ in 0..2000 {
        let Some(status) = node.try_ask(&json!({"command": "status"})) else { return };
        if status["ok"]["progress"].is_null() {
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn one_command_at_a_time_and_preparing_can_be_given_up() {
    let mut node = Node::new();
    node.publish("1.1.0", &all_new(400));
    node.web.pace.store(4, Ordering::SeqCst);
    node.start();
    node.run("refresh").expect("refreshed");
    assert_eq!(node.command("prepare"), json!({"ok": null}));
    let progress = node.until("it fetches", |node| {
        let progress = node.status()["progress"].clone();
        (progress["fetched-bytes"].as_u64() > Some(0)).then_some(progress)
    });
    assert_eq!((progress["command"].as_str(), progress["total-bytes"].as_u64()), (Some("prepare"), Some(400 * BLOCK as u64)));
    for command in ["refresh", "prepare", "plan", "rollback"] {
        assert_eq!(node.command(command)["refused"]["code"], "busy", "{command}");
    }
    assert_eq!(node.command("deactivate"), json!({"ok": null}));
    node.until("it stops", |node| node.status()["progress"].is_null().then_some(()));
    assert_eq!(node.state(), "Available");
    assert_eq!(node.status()["status"]["most_recent_command"]["stderr"], "it was stopped");
}

#[test]
fn a_node_that_is_told_to_takes_updates_and_restarts_by_itself() {
    let mut node = Node::new();
    node.publish("1.1.0", &next());
    node.settings(json!({"automatic": true}));
    node.start();
    node.until("it restarts", |node| (node.reboots() == 1).then_some(()));
    assert_eq!(node.boot(true), "1.1.0");
}

#[test]
fn a_node_outside_its_window_fetches_nothing_and_one_inside_takes_the_update() {
    let mut node = Node::new();
    node.publish("1.1.0", &next());
    // It opens in eleven to twelve hours.
    let opens = (now().seconds() / 3600 + 12) % 24;
    node.settings(json!({"automatic": true, "windows": [format!("{opens:02}:00-{opens:02}:59")]}));
    node.start();
    node.until("it waits for its window", |node| node.log().contains("no window for updates is open").then_some(()));
    assert_eq!((node.state().as_str(), node.reboots(), node.web.sent.load(Ordering::SeqCst)), ("Idle", 0, 0));
    assert_eq!(node.status()["status"]["most_recent_command"]["cmd_type"], json!(null), "it did not even look");
    node.settings(json!({"automatic": true, "windows": ["00:00-24:00"]}));
    node.start();
    node.until("it restarts", |node| (node.reboots() == 1).then_some(()));
}
