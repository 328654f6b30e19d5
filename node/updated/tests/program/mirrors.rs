//! Mirrors that are bad at ranges, have too much to do, or break off: the update comes all the same, and what is there is neither fetched nor written again.

use crate::node::{BLOCK, Node};
use ampoule_update_attacks::{Behaviour, Server};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

const ROOT: &str = "root.erofs";
/// Blocks that the node lacks, and all: ten that it has, ten that it lacks, and so on.
const LACKS: usize = 90;
const ALL: usize = 180;
/// Bytes that come beside the root: tree, what is around the kernel, boot loader, metadata.
const BESIDE: u64 = 60_000;

fn striped() -> Vec<u8> {
    (0..ALL).map(|i| if i / 10 % 2 == 0 { i % 150 } else { 200 + i % 50 } as u8).collect()
}

/// A node to which 1.1.0 is offered by a server like this one.
fn offered(behaviour: Behaviour) -> (Node, Server) {
    let mut node = Node::new();
    node.publish("1.1.0", &striped());
    let server = Server::start(&node.root.path().join("repository"), behaviour).expect("a server");
    sees(&node, &server);
    node.start();
    node.run("refresh").expect("refreshed");
    (node, server)
}

fn sees(node: &Node, server: &Server) {
    let url = server.url();
    let settings = json!({"metadata-base-url": format!("{url}metadata/"), "targets-base-url": format!("{url}targets/")});
    node.write("etc/ampoule/updates.json", settings.to_string());
}

/// Prepares; the bytes that it took.
fn prepared(node: &Node, server: &Server) -> u64 {
    let before = server.sent();
    assert_eq!(node.run("prepare"), Ok(()), "{}", node.log());
    assert!(node.slot_b_is("1.1.0"), "{}", node.log());
    server.sent() - before
}

fn refuses(status: &'static str, times: u64) -> Behaviour {
    Behaviour::Refuses { end: ROOT, status, times }
}

/// Seconds of each wait that the log tells of.
fn waits(log: &str) -> Vec<f64> {
    log.split("tried again in ").skip(1).map(|rest| rest.split(' ').next().and_then(|text| text.parse().ok()).expect("seconds")).collect()
}

/// How often each block of the idle slot was written.
fn writes(node: &Node) -> BTreeMap<u64, usize> {
    let (start, length) = node.place("ROOT-B");
    let mut writes = BTreeMap::new();
    for line in fs::read_to_string(node.path("disk-writes")).expect("notes").lines() {
        let at: u64 = line.split(' ').next().and_then(|at| at.parse().ok()).expect("a place");
        if (start..start + length).contains(&at) {
            *writes.entry((at - start) / BLOCK as u64).or_default() += 1;
        }
    }
    writes
}

#[test]
fn a_mirror_that_sent_another_range_once_brings_the_rest_by_ranges() {
    let (node, server) = offered(Behaviour::OtherRange(ROOT, 1));
    let took = prepared(&node, &server);
    let log = node.log();
    assert!(log.contains("one range at a time") && !log.contains("the whole root"), "{log}");
    // What it sent for the one that it lied about was not read, but may have been sent.
    assert!(took <= (LACKS + 10) as u64 * BLOCK as u64 + BESIDE, "{took} bytes");
}

#[test]
fn a_mirror_that_is_no_good_at_ranges_brings_the_whole_root() {
    let always = Behaviour::ALWAYS;
    for (behaviour, why) in [
        (Behaviour::OtherRange(ROOT, always), "another range of bytes than was asked for"),
        (refuses("416 Range Not Satisfiable", always), "no such range of bytes"),
        (refuses("400 Bad Request", always), "answered 400"),
        (refuses("500 Internal Server Error", always), "answered 500"),
    ] {
        let (node, server) = offered(behaviour);
        let took = prepared(&node, &server);
        let log = node.log();
        assert!(log.lines().any(|line| line.contains("the whole root is fetched instead") && line.contains(why)), "{log}");
        assert!(took >= (ALL * BLOCK) as u64, "{took} bytes");
    }
}

#[test]
fn a_mirror_with_too_much_to_do_is_asked_again_and_brings_its_ranges() {
    let (node, server) = offered(refuses("503 Service Unavailable", 3));
    let took = prepared(&node, &server);
    let log = node.log();
    assert!(log.contains("answered 503") && waits(&log).into_iter().all(|wait| (1.0..4.0).contains(&wait)), "{log}");
    assert!(!log.contains("one range at a time") && took < (LACKS * BLOCK) as u64 + BESIDE, "{took} bytes: {log}");
}

#[test]
fn a_mirror_is_left_alone_as_long_as_it_wants() {
    let date = "429 Too Many Requests\r\nDate: Fri, 31 Dec 1999 23:59:55 GMT\r\nRetry-After: Fri, 31 Dec 1999 23:59:58 GMT";
    for status in ["429 Too Many Requests\r\nRetry-After: 3", date] {
        let (node, server) = offered(refuses(status, 2));
        let began = Instant::now();
        let took = prepared(&node, &server);
        let (log, waits) = (node.log(), waits(&node.log()));
        assert!(began.elapsed() >= Duration::from_secs(3) && waits.len() == 2, "{log}");
        // On top of the three seconds, so much of them as is this request's own.
        assert!(waits.iter().all(|wait| (3.0..=6.0).contains(wait)), "{log}");
        assert!(took < (LACKS * BLOCK) as u64 + BESIDE, "{took} bytes");
    }
}

#[test]
fn a_wait_for_a_mirror_is_bounded_and_can_be_given_up() {
    let status = "429 Too Many Requests\r\nRetry-After: 99999";
    for end in [ROOT, "root.verity", "uki.efi", "loader.efi"] {
        let (node, _server) = offered(Behaviour::Overloaded { end, after: 0, status, times: Behaviour::ALWAYS });
        assert_eq!(node.command("prepare"), json!({"ok": null}));
        node.until("it waits", |node| (!waits(&node.log()).is_empty()).then_some(()));
        assert!((60.0..=90.0).contains(&waits(&node.log())[0]), "{}", node.log());
        let began = Instant::now();
        assert_eq!(node.command("deactivate"), json!({"ok": null}));
        node.until("it stops", |node| node.status()["progress"].is_null().then_some(()));
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
        assert_eq!(node.state(), "Available");
        assert_eq!(node.status()["status"]["most_recent_command"]["stderr"], "it was stopped", "{end}");
    }
}

#[test]
fn a_whole_root_that_breaks_off_is_asked_for_again_and_no_block_is_written_twice() {
    let (node, server) = offered(Behaviour::CutWhole(ROOT, 2));
    node.write("disk-writes", "");
    prepared(&node, &server);
    let (log, writes) = (node.log(), writes(&node));
    assert!(log.contains("the connection ended after") && log.contains("tried again in"), "{log}");
    assert_eq!(writes.len(), ALL);
    assert!(writes.values().all(|times| *times == 1), "{writes:?}");
}

#[test]
fn a_whole_root_that_never_comes_fails_and_what_came_is_kept() {
    let (node, _server) = offered(Behaviour::CutWhole(ROOT, Behaviour::ALWAYS));
    assert!(node.run("prepare").expect_err("cut").contains("the connection ended after"));
    assert_eq!((node.state().as_str(), node.log().matches("tried again in").count()), ("Available", 3));
    // A mirror that knows ranges brings what the first half has not: 180 blocks in all, of which every other ten are in the running root.
    let better = Server::start(&node.root.path().join("repository"), Behaviour::Honest).expect("a server");
    sees(&node, &better);
    node.write("disk-writes", "");
    let took = prepared(&node, &better);
    assert!(took < (LACKS / 2 + 5) as u64 * BLOCK as u64 + BESIDE, "{took} bytes");
    assert!(writes(&node).keys().all(|block| *block >= ALL as u64 / 2 - 8), "what came was written again");
}

/// Each file: metadata, tree, kernel image, boot loader, root.
#[test]
fn each_file_that_is_refused_or_breaks_off_once_is_asked_for_again() {
    for behaviour in [Behaviour::Overloaded { end: "", after: 0, status: "503 Service Unavailable", times: 1 }, Behaviour::CutEach(1)] {
        let (node, server) = offered(behaviour);
        prepared(&node, &server);
        assert_eq!(node.run("activate"), Ok(()), "{behaviour:?}: {}", node.log());
        let log = node.log();
        for name in ["timestamp.json", "snapshot.json", "targets.json", "manifest.json", "root.verity", "uki.efi", "loader.efi", ROOT] {
            assert!(log.lines().any(|line| line.contains(name) && line.contains("tried again in")), "{behaviour:?}, {name}: {log}");
        }
    }
}

#[test]
fn a_file_that_always_breaks_off_is_asked_for_four_times_and_what_came_before_it_is_kept() {
    let (node, server) = offered(Behaviour::Cut("loader.efi"));
    let said = node.run("prepare").expect_err("cut");
    assert!(said.contains("loader.efi: the connection ended after") && said.contains("what was verified is kept"), "{said}");
    assert_eq!((server.asked("loader.efi"), server.asked(ROOT)), ((0, 4), (0, 0)));
    let better = Server::start(&node.root.path().join("repository"), Behaviour::Honest).expect("a server");
    sees(&node, &better);
    prepared(&node, &better);
    assert_eq!((better.asked("root.verity"), better.asked("uki.efi")), ((0, 0), (0, 0)), "they are there");
}

/// Such an answer has no other end than the connection's: what came may be all.
#[test]
fn metadata_without_a_length_that_breaks_off_is_asked_for_again() {
    let (node, server) = offered(Behaviour::CutUntold(1));
    let log = node.log();
    for name in ["timestamp.json", "snapshot.json", "targets.json"] {
        let told = |line: &str| line.contains(name) && line.contains("in the midst of the file; tried again in");
        assert!(log.lines().any(told), "{name}: {log}");
    }
    prepared(&node, &server);
    let never = Server::start(&node.root.path().join("repository"), Behaviour::CutUntold(Behaviour::ALWAYS)).expect("a server");
    sees(&node, &never);
    let said = node.run("refresh").expect_err("cut");
    assert!(said.contains("timestamp.json: the connection ended after") && said.contains("settings.updates.metadata-base-url"), "{said}");
    assert_eq!(never.asked("timestamp.json"), (0, 4));
}

/// Who lies once is not asked again, and no other bytes are put behind those that came.
#[test]
fn wrong_bytes_and_files_without_end_are_not_asked_for_again() {
    for (behaviour, end) in [(Behaviour::Lie("root.verity"), "root.verity"), (Behaviour::Lie("loader.efi"), "loader.efi")] {
        let (node, server) = offered(behaviour);
        assert!(node.run("prepare").is_err());
        assert_eq!(server.asked(end), (0, 1), "{}", node.log());
    }
    let mut node = Node::new();
    node.publish("1.1.0", &striped());
    let server = Server::start(&node.root.path().join("repository"), Behaviour::Endless("timestamp.json")).expect("a server");
    sees(&node, &server);
    node.start();
    let said = node.run("refresh").expect_err("endless");
    assert!(said.contains("timestamp.json: the server sends more than the 2097152 bytes"), "{said}");
    assert_eq!(server.asked("timestamp.json"), (0, 1));
}

/// The TUF library alone would take the refusal for "there is no newer root".
#[test]
fn a_mirror_that_refuses_a_newer_root_does_not_hold_a_node_with_the_one_before() {
    let mut node = Node::new();
    node.publish("1.1.0", &striped());
    let repository = node.root.path().join("repository");
    std::fs::write(repository.join("metadata/2.root.json"), "{}").expect("written");
    for status in ["503 Service Unavailable", "400 Bad Request"] {
        let refuses = Behaviour::Overloaded { end: "2.root.json", after: 0, status, times: Behaviour::ALWAYS };
        let server = Server::start(&repository, refuses).expect("a server");
        sees(&node, &server);
        node.start();
        let said = node.run("refresh").expect_err("refused");
        assert!(said.contains("2.root.json: the server answered") && said.contains(status), "{said}");
    }
}

/// A fleet that asked it for whole roots would be the end of it.
#[test]
fn a_mirror_that_stays_overloaded_is_left_alone_and_never_asked_for_the_whole() {
    let good = 3;
    for status in ["503 Service Unavailable\r\nRetry-After: 1", "429 Too Many Requests", "502 Bad Gateway"] {
        let (node, server) = offered(Behaviour::Overloaded { end: ROOT, after: good, status, times: Behaviour::ALWAYS });
        node.write("disk-writes", "");
        let said = node.run("prepare").expect_err("overloaded");
        let wanted = ["asked 4 times", "this mirror has too much to do", "what was verified is kept", "settings.updates.automatic is off"];
        let answered = format!("the server answered {}", status.lines().next().expect("a status"));
        assert!(said.starts_with(&server.url()) && said.contains(&answered) && wanted.iter().all(|part| said.contains(part)), "{said}");
        assert_eq!(said.contains("wants to be asked again in 1 s"), status.contains("Retry-After"), "{said}");
        let (parts, whole) = server.asked(ROOT);
        assert!(whole == 0 && parts <= good as usize + 16, "{parts} parts, {whole} times the whole");
        assert_eq!(node.state(), "Available");
        // What it brought is there: ten blocks with each part, and the files beside the root.
        let better = Server::start(&node.root.path().join("repository"), Behaviour::Honest).expect("a server");
        sees(&node, &better);
        let took = prepared(&node, &better);
        assert!(took <= (LACKS as u64 - 10 * good) * BLOCK as u64 + BESIDE / 2, "{took} bytes");
        assert_eq!((better.asked("root.verity"), better.asked("uki.efi"), better.asked("loader.efi")), ((0, 0), (0, 0), (0, 0)));
        let writes = writes(&node);
        assert!(writes.len() == ALL && writes.values().all(|times| *times == 1), "{writes:?}");
    }
}

#[test]
fn a_kernel_image_is_not_fetched_whole_from_a_mirror_that_has_too_much_to_do_for_parts_of_it() {
    let (node, server) = offered(Behaviour::Overloaded { end: "uki.efi", after: 0, status: "503 No", times: Behaviour::ALWAYS });
    assert!(node.run("prepare").expect_err("overloaded").contains("uki.efi: the server answered 503"));
    assert_eq!(server.asked("uki.efi"), (4, 0));
}

#[test]
fn a_plan_says_what_is_wrong_with_a_mirror_and_what_to_do() {
    let status = "503 Service Unavailable\r\nRetry-After: 99";
    let (node, _server) = offered(Behaviour::Overloaded { end: "root.verity", after: 0, status, times: Behaviour::ALWAYS });
    let began = Instant::now();
    let refused = node.command("plan")["refused"].clone();
    // Somebody waits for the answer.
    assert!(began.elapsed() < Duration::from_secs(50), "{:?}", began.elapsed());
    let (message, hint) = (refused["message"].as_str().unwrap_or_default(), refused["hint"].as_str().unwrap_or_default());
    assert!(message.contains("root.verity: the server answered 503") && message.contains("asked again in 99 s"), "{refused}");
    assert!(hint.contains("settings.updates.automatic is off"), "{refused}");
}
