//! Ten thousand bodies that nobody meant: each is answered, none is the node's fault, and the node is as it was.

use std::fs;
use std::time::{Duration, Instant};

use ampoule_api_client::Method;
use ampoule_settings::{Fragment, Model, all_keys, all_namespaces};

use crate::harness::{Apid, Place};

/// As many as the tests send, unless this much time has passed: a loaded machine gets fewer.
const BODIES: usize = 10_000;
const AT_MOST: Duration = Duration::from_secs(60);

const ROUTES: [(Method, &str); 8] = [
    (Method::Patch, "/settings?tx=hostile"),
    (Method::Patch, "/settings/keypair?tx=hostile"),
    (Method::Post, "/v1/plan"),
    (Method::Post, "/v1/apply"),
    (Method::Post, "/v1/confirm"),
    (Method::Post, "/v1/generations/1/restore"),
    (Method::Post, "/tx/apply"),
    (Method::Patch, "/settings?tx=%00%ff"),
];

/// A small generator (xorshift64*): the same bodies in each run.
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % below.max(1)
    }
}

/// Bodies that mean something: each setting's example, alone and inside a request.
fn sensible() -> Vec<Vec<u8>> {
    let trees = all_keys().filter_map(|k| {
        let text = format!("[settings]\n{} = {}\n", k.example_key(), k.example);
        Some(Fragment::from_toml(&Model::complete(), &text).ok()?.to_json())
    });
    let trees: Vec<_> = trees.collect();
    let requests = trees.iter().map(|t| serde_json::json!({ "settings": t, "unset": ["motd"], "confirm-seconds": 5 }));
    let pairs = ["{\"request_payload\":[\"motd=x\",\"settings.network.hostname=y\"]}", "{\"generation\":1}", "{\"message\":\"x\"}"];
    trees
        .iter()
        .map(ToString::to_string)
        .chain(requests.map(|r| r.to_string()))
        .chain(pairs.map(str::to_owned))
        .map(String::into_bytes)
        .collect()
}

/// Words that parsers stumble over.
const SPLINTERS: [&[u8]; 14] = [
    b"null",
    b"-1",
    b"1e999",
    b"[]",
    b"{}",
    b"\"\"",
    b"\xff\xfe",
    b"\\u0000",
    b"\\ud800",
    b"18446744073709551616",
    b"[[[[[[[[",
    b"{\"\":",
    b"\"a.b\":",
    b"..",
];

fn spoiled(random: &mut Random, bodies: &[Vec<u8>]) -> Vec<u8> {
    let mut body = bodies[random.next(bodies.len())].clone();
    for _ in 0..=random.next(4) {
        let at = random.next(body.len() + 1);
        match random.next(5) {
            0 => body.truncate(at),
            1 => body.splice(at..at, SPLINTERS[random.next(SPLINTERS.len())].iter().copied()).for_each(drop),
            2 if at < body.len() => body[at] = random.next(256) as u8,
            3 => body.splice(at..at, bodies[random.next(bodies.len())].clone()).for_each(drop),
            _ => {
                let end = (at + random.next(12)).min(body.len());
                body.splice(at..end, SPLINTERS[random.next(SPLINTERS.len())].iter().copied()).for_each(drop);
            }
        }
    }
    body
}

fn node() -> Apid {
    let place = Place::new();
    let names: Vec<_> = all_namespaces().map(|n| format!("\"{n}\"")).collect();
    fs::write(place.path("variant.toml"), format!("name = \"test\"\nnamespaces = [{}]\nservices = []\n", names.join(", ")))
        .expect("variant");
    place.start_once()
}

#[test]
fn ten_thousand_spoiled_bodies_are_answered_and_none_is_the_nodes_fault() {
    let apid = node();
    let (bodies, mut random, end) = (sensible(), Random(0x5eed_0001), Instant::now() + AT_MOST);
    let mut sent = 0;
    while sent < BODIES && Instant::now() < end {
        let (method, path) = ROUTES[random.next(ROUTES.len())];
        let body = spoiled(&mut random, &bodies);
        let answer = apid.client().request(method, path, Some(&body));
        let answer = answer.unwrap_or_else(|e| panic!("{path} {:?}: {e}; log: {}", String::from_utf8_lossy(&body), apid.log()));
        assert!(answer.status < 500, "{path} {}: {} {}", String::from_utf8_lossy(&body), answer.status, answer.text());
        sent += 1;
    }
    assert!(sent > BODIES / 20, "only {sent} bodies in {AT_MOST:?}");
    assert!(apid.memory_kib() < 30 * 1024, "{} KiB", apid.memory_kib());
    assert!(apid.client().os().is_ok());
}
