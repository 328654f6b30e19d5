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
        (refuses("502 Bad Gateway", always), "answered 502"),
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
    assert!(log.contains("answered 503") && log.contains("tried again in 1 s"), "{log}");
    assert!(!log.contains("one range at a time") && took < (LACKS * BLOCK) as u64 + BESIDE, "{took} bytes: {log}");
}

#[test]
fn a_mirror_is_left_alone_as_long_as_it_wants() {
    let (node, server) = offered(refuses("429 Too Many Requests\r\nRetry-After: 3", 2));
    let began = Instant::now();
    let took = prepared(&node, &server);
    assert!(began.elapsed() >= Duration::from_secs(3) && node.log().contains("tried again in 3 s"), "{}", node.log());
    assert!(took < (LACKS * BLOCK) as u64 + BESIDE, "{took} bytes");
}

#[test]
fn a_wait_for_a_mirror_is_bounded_and_can_be_given_up() {
    let (node, _server) = offered(refuses("429 Too Many Requests\r\nRetry-After: 99999", Behaviour::ALWAYS));
    assert_eq!(node.command("prepare"), json!({"ok": null}));
    node.until("it waits", |node| node.log().contains("tried again in 60 s").then_some(()));
    let began = Instant::now();
    assert_eq!(node.command("deactivate"), json!({"ok": null}));
    node.until("it stops", |node| node.status()["progress"].is_null().then_some(()));
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(node.state(), "Available");
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
