//! What becomes of a boot.

use crate::boot_loader::is_loader_of;
use crate::node::{Node, blocks};
use ampoule_api_types::v1::WorkloadState;
use serde_json::json;
use std::fs;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A node that has booted 1.1.0 for the first time; the updater is started.
fn on_trial(health_timeout: u64, well: bool) -> Node {
    let mut node = Node::new();
    node.publish("1.1.0", &blocks(60, 180));
    node.settings(json!({"health-timeout-seconds": health_timeout}));
    node.workloads.lock().expect("lock").push(("web".to_owned(), WorkloadState::Running));
    node.start();
    node.take_update();
    node.api.store(well, Ordering::SeqCst);
    assert_eq!(node.boot(true), "1.1.0");
    node
}

#[test]
fn a_healthy_boot_is_good_and_brings_its_loader() {
    let mut node = on_trial(60, true);
    let boot = node.until("it waits", |node| {
        let boot = node.status()["boot"].clone();
        (!boot["waits-for"].is_null()).then_some(boot)
    });
    assert_eq!(boot["state"], "trial");
    assert!(boot["seconds-left"].as_u64() <= Some(60) && boot["seconds-left"].as_u64() > Some(40), "{boot}");
    node.until("it is good", |node| (node.status()["boot"]["state"] == "good").then_some(()));
    assert_eq!(node.names("esp/EFI/Linux"), ["ampoule_1.0.0.efi", "ampoule_1.1.0.efi"]);
    node.until("its loader is there", |node| is_loader_of(node, "EFI", "1.1.0").then_some(()));
    assert!(is_loader_of(&node, "OLD", "1.0.0"), "the one before");
    assert_eq!((node.state().as_str(), node.reboots()), ("Idle", 0));
    assert_eq!(node.status()["status"]["staging_partition"]["image"]["version"], "1.0.0", "what it can go back to");
    // And back by hand, once more on trial.
    assert_eq!(node.command("rollback"), json!({"ok": null}), "{}", node.log());
    node.until("it restarts", |node| (node.reboots() == 1).then_some(()));
    assert_eq!(node.boot(true), "1.0.0");
    node.until("it is good", |node| (node.names("esp/EFI/Linux") == ["ampoule_1.0.0.efi", "ampoule_1.1.0+0-0.efi"]).then_some(()));
    node.run("refresh").expect("refreshed");
    assert_eq!(node.state(), "Idle", "what somebody went back from is not taken again by itself");
    assert_eq!(node.status()["bad-versions"][0]["version"], "1.1.0");
    assert_eq!(node.ask(json!({"command": "forgive", "version": "1.1.0"})), json!({"ok": null}));
    assert_eq!(node.ask(json!({"command": "forgive", "version": "1.1.0"}))["refused"]["code"], "not-found");
    node.run("refresh").expect("refreshed");
    assert_eq!(node.state(), "Available");
}

/// Goes back, and says why.
fn goes_back(mut node: Node, why: &str) {
    node.until("it gives up", |node| (node.reboots() == 1).then_some(()));
    assert_eq!(node.boot(true), "1.0.0");
    let boot = node.status()["boot"].clone();
    assert!(boot["state"] == "fell-back" && boot["reason"].as_str().expect("a reason").contains(why), "{boot}");
    let bad = node.status()["bad-versions"].clone();
    assert!(bad[0]["version"] == "1.1.0" && bad[0]["reason"].as_str().expect("a reason").contains(why), "{bad}");
    node.run("refresh").expect("refreshed");
    assert_eq!(node.state(), "Idle", "it is not tried again");
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(node.reboots(), 1, "once");
}

#[test]
fn without_an_api_it_goes_back() {
    goes_back(on_trial(1, false), "the API does not answer");
}

#[test]
fn with_settings_that_were_not_carried_over_it_goes_back() {
    let node = on_trial(1, true);
    let problem = json!({ "key": "motd", "reason": "this is no text", "remedy": "set it anew" });
    node.problems.lock().expect("lock").push(problem);
    goes_back(node, "settings.motd was not carried over: this is no text (set it anew)");
}

#[test]
fn with_a_workload_that_does_not_come_back_it_goes_back() {
    let node = on_trial(1, true);
    node.workloads.lock().expect("lock")[0].1 = WorkloadState::BackingOff;
    goes_back(node, "workload web ran before");
}

#[test]
fn with_a_check_that_fails_it_goes_back() {
    let mut node = on_trial(600, true);
    node.kill();
    node.settings(json!({"health-timeout-seconds": 1, "checks": {"home": {"kind": "http", "url": format!("{}/nothing", node.web.url()), "timeout-seconds": 1}}}));
    node.start();
    goes_back(node, "check home: the answer was 404");
}

/// The API server's files are gone with the boot before; one that does not start writes no new ones.
#[test]
fn without_an_api_server_the_settings_of_before_count() {
    let mut node = Node::new();
    node.publish("1.1.0", &blocks(60, 180));
    node.settings(json!({"health-timeout-seconds": 1, "proxy": "http://somebody:secret@127.0.0.1:1", "no-proxy": ["127.0.0.1"]}));
    node.start();
    node.take_update();
    node.api.store(false, Ordering::SeqCst);
    fs::remove_file(node.path("etc/ampoule/updates.json")).expect("removed");
    assert_eq!(node.boot(true), "1.1.0");
    node.until("it gives up long before the default of five minutes", |node| (node.reboots() == 1).then_some(()));
    assert!(node.log().contains("within 1 s all must be well"), "{}", node.log());
    let kept = fs::read_to_string(node.path("state/updated/settings.json")).expect("kept");
    assert!(!kept.contains("secret"), "{kept}");
    // The version before finds them, too, and then its own.
    node.settings(json!({"health-timeout-seconds": 1}));
    goes_back(node, "the API does not answer");
}

#[test]
fn settings_that_come_amid_the_trial_count() {
    let mut node = on_trial(600, true);
    node.kill();
    fs::remove_file(node.path("etc/ampoule/updates.json")).expect("removed");
    node.write("settle", "8");
    node.start();
    node.until("it waits", |node| (!node.status()["boot"]["waits-for"].is_null()).then_some(()));
    assert!(node.status()["boot"]["seconds-left"].as_u64() > Some(500), "{}", node.status()["boot"]);
    let url = format!("{}/nothing", node.web.url());
    node.settings(json!({"health-timeout-seconds": 1, "checks": {"home": {"kind": "http", "url": url, "timeout-seconds": 1}}}));
    goes_back(node, "check home: the answer was 404");
}

/// A trial with one check, a command in a workload, about which hostd says `answer`.
fn with_a_command(answer: &str) -> Node {
    let mut node = on_trial(600, true);
    node.kill();
    *node.command.lock().expect("lock") = (answer.to_owned(), Vec::new());
    node.settings(json!({"health-timeout-seconds": 1, "checks": {"sql": {"kind": "command", "workload": "db", "timeout-seconds": 1}}}));
    node.start();
    node
}

#[test]
fn with_a_command_that_fails_in_a_workload_it_goes_back() {
    goes_back(
        with_a_command("{\"failed\":{\"reason\":\"it ended with code 2: no such table\"}}\n"),
        "check sql: it ended with code 2: no such table",
    );
    goes_back(with_a_command("nonsense\n"), "check sql: hostd cannot be asked to run it");
}

#[test]
fn a_command_that_passes_is_good_and_only_its_name_is_said() {
    let node = with_a_command("{\"passed\":{}}\n");
    node.until("it is good", |node| (node.names("esp/EFI/Linux").contains(&"ampoule_1.1.0.efi".to_owned())).then_some(()));
    assert_eq!(node.command.lock().expect("lock").1[0], "{\"check\":\"sql\"}\n");
}

#[test]
fn a_version_that_never_comes_up_is_left_after_three_tries() {
    let mut node = Node::new();
    node.publish("1.1.0", &blocks(60, 180));
    node.start();
    node.take_update();
    for _ in 0..3 {
        assert_eq!(node.boot(false), "1.1.0");
    }
    assert_eq!(node.boot(true), "1.0.0");
    let status = node.until("it finds out", |node| Some(node.status()).filter(|status| status["boot"]["state"] == "fell-back"));
    assert_eq!(status["boot"]["reason"], "version 1.1.0: it did not come up in 3 tries");
    assert_eq!((status["status"]["update_state"].as_str(), node.reboots()), (Some("Idle"), 0));
    node.run("refresh").expect("refreshed");
    assert_eq!(node.state(), "Idle");
}

/// The boot loader leaves out an image that is no program, without a word and without counting.
#[test]
fn a_version_that_the_loader_passes_over_is_given_up() {
    let mut node = Node::new();
    node.publish("1.1.0", &blocks(60, 180));
    node.start();
    node.take_update();
    let image = node.path("esp/EFI/Linux/ampoule_1.1.0+3.efi");
    let whole = fs::read(&image).expect("an image");
    // Damaged on the disk, it is written anew; it was nobody's fault but the disk's.
    fs::write(&image, [&[0; 512], &whole[512..]].concat()).expect("damaged");
    assert_eq!(node.boot(true), "1.0.0");
    node.until("it finds out", |node| (node.state() == "Staged").then_some(()));
    assert_eq!(node.run("activate"), Ok(()));
    assert_eq!(fs::read(&image).expect("an image"), whole);
    // Whole, and passed over all the same.
    fs::write(&image, [&[0; 512], &whole[512..]].concat()).expect("damaged");
    assert_eq!(node.boot(false), "1.0.0");
    fs::write(&image, whole).expect("mended");
    node.start();
    let why = "version 1.1.0: the boot loader did not start its kernel image";
    node.until("it finds out", |node| (node.status()["boot"]["reason"] == why).then_some(()));
    assert_eq!(node.status()["boot"]["state"], "fell-back");
    node.until("it is taken away", |node| (node.names("esp/EFI/Linux") == ["ampoule_1.0.0.efi"]).then_some(()));
    node.run("refresh").expect("refreshed");
    assert_eq!((node.state().as_str(), node.reboots()), ("Idle", 0), "it is not tried again");
}

#[test]
fn the_first_installation_becomes_good_the_same_way() {
    let mut node = Node::new();
    let image = |name: &str| node.path("esp/EFI/Linux").join(name);
    fs::rename(image("ampoule_1.0.0.efi"), image("ampoule_1.0.0+3.efi")).expect("as it is installed");
    assert_eq!(node.boot(true), "1.0.0");
    assert_eq!(node.names("esp/EFI/Linux"), ["ampoule_1.0.0+2-1.efi"]);
    assert_eq!(
        node.run("refresh").map(|()| node.state()),
        Err("the repository".to_owned()).or(node.run("refresh").map(|()| "Idle".to_owned()))
    );
    node.until("it is good", |node| (node.names("esp/EFI/Linux") == ["ampoule_1.0.0.efi"]).then_some(()));
}

#[test]
fn a_first_installation_that_is_not_well_has_nothing_to_go_back_to() {
    let mut node = Node::new();
    let image = |name: &str| node.path("esp/EFI/Linux").join(name);
    fs::rename(image("ampoule_1.0.0.efi"), image("ampoule_1.0.0+3.efi")).expect("as it is installed");
    node.settings(json!({"health-timeout-seconds": 1}));
    node.api.store(false, Ordering::SeqCst);
    node.boot(true);
    node.until("it is said", |node| node.log().contains("there is no version to go back to").then_some(()));
    assert_eq!(node.reboots(), 0);
    node.api.store(true, Ordering::SeqCst);
    node.until("it is good", |node| (node.names("esp/EFI/Linux") == ["ampoule_1.0.0.efi"]).then_some(()));
}

#[test]
fn a_node_that_a_machine_started_takes_no_updates_and_says_so_once() {
    let mut node = Node::new();
    node.publish("1.1.0", &blocks(60, 180));
    fs::remove_dir_all(node.path("sys/firmware")).expect("removed");
    fs::remove_dir_all(node.path("esp")).expect("removed");
    node.start();
    node.until("it is said", |node| node.log().contains("it takes no updates").then_some(()));
    node.run("refresh").expect("refreshed");
    assert!(node.run("prepare").expect_err("refused").contains("no boot partition"));
    assert!(node.partition("ROOT-B", 4096).0.iter().all(|byte| *byte == 0));
    assert_eq!(node.log().matches("it takes no updates").count(), 1);
}
