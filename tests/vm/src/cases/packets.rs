//! Packets of a workload's own making, and how far they get.

use std::{
    collections::BTreeSet,
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use ampoule_machine::LocalIdentity;
use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::escapes::{image, registry, says};
use crate::{
    context::Context,
    framework::wire::{DAY, NODE_LINK_LOCAL, Wire},
    framework::{Node, within},
    runner::Case,
};

pub(super) const CASES: &[Case] = &[Case {
    name: "raw_packets_reach_what_is_listed",
    about: "a workload sends packets of its own making to the node, the metadata address, a neighbour and out, most of them lies: those of the list arrive, with the addresses they should have, and no others",
    limit: within(420),
    soak: false,
    run: raw_packets_reach_what_is_listed,
}];

/// Rows of its table of packets begin with the name in back-quotes.
const LIST: &str = include_str!("../../../../docs/architecture/isolation.md");
const HEADING: &str = "## Packets";
/// Somebody in the network of the wire, which has the metadata address too.
const STRANGER: Ipv4Addr = Ipv4Addr::new(169, 254, 7, 7);
/// Kinds of packets: 4 that are true, 12 to the metadata address, 6 from each of 11 addresses that are not its own.
const KINDS: usize = 4 + 12 + 6 * 11;
/// Of what a lying router would give.
const LIE_V6: &str = "2001:db8:666:";

fn raw_packets_reach_what_is_listed(context: &Context) -> Result<()> {
    let (registry, wire) = (registry(context)?, Wire::lay()?);
    let image = image(&registry, "escape");
    let trusted = image.split('/').next().unwrap_or_default();
    let mut node = context.node().with_machine_arguments(wire.machine_arguments()).trusting_registry(trusted).start()?;
    node.boots()?;
    wire.gives(NODE_LINK_LOCAL, DAY, within(90))?;
    node.eventually("the node has its second address", within(60), |node| has_address(node, &format!("{NODE_LINK_LOCAL}/")))?;

    let env =
        json!({ "ESCAPE_STRANGER": STRANGER, "ESCAPE_NODE": NODE_LINK_LOCAL, "ESCAPE_API_PORT": LocalIdentity::API_PORT.to_string() });
    node.set(json!({ "workloads": {
        "ear": { "image": image, "args": ["ear"] },
        "liar": { "image": image, "args": ["packets"], "env": env },
    } }))?;
    let said = says(&mut node, "liar", "PACKETS done", 240)?;
    let seen = on_the_wire(&wire)?;
    std::fs::write(context.folder().join("packets"), format!("{}\n{seen:#?}\n", said.join("\n")))?;

    let outside =
        seen.into_iter().map(|(from, name)| format!("{name} from {}", if from == NODE_LINK_LOCAL { "the node" } else { "another" }));
    let beside = heard_beside(&mut node, &said)?.into_iter();
    let at_node =
        said.iter().filter_map(|line| line.strip_prefix("PACKETS ")?.strip_suffix(" answered")).map(|name| format!("{name} from itself"));
    let arrived: BTreeSet<String> = outside.chain(beside).chain(at_node).collect();
    ensure!(arrived == listed(), "arrived {arrived:#?}, of the list {:#?}", listed());

    let sent = said.iter().filter(|line| line.starts_with("PACKETS sent ")).count();
    ensure!(sent == KINDS, "{sent} kinds of packets were sent: {said:#?}");
    ensure!(said.iter().filter(|line| line.ends_with(" silent")).count() == 2, "not every address of the node was tried: {said:#?}");
    ensure!(said.iter().any(|line| line == "PACKETS ipv6 None"), "{:?}", said.iter().find(|line| line.starts_with("PACKETS ipv6")));
    ensure!(has_address(&node, LIE_V6).is_err(), "the node has an address that a workload gave it");
    node.stops_at_the_power_button()
}

fn has_address(node: &Node, start: &str) -> Result<()> {
    let links = node.client()?.network()?.interfaces;
    let found = links.iter().flat_map(|link| &link.addresses).any(|address| address.starts_with(start));
    ensure!(found, "none begins with {start}: {links:?}");
    Ok(())
}

/// `NAME from SOURCE` of each row of the list.
fn listed() -> BTreeSet<String> {
    let (_, part) = LIST.split_once(HEADING).unwrap_or_default();
    let part = part.split("\n## ").next().unwrap_or_default();
    let rows = part.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    rows.filter_map(|(name, rest)| Some(format!("{name} from {}", rest.split('|').nth(1)?.trim()))).collect()
}

/// What came out of the node, by its source: names that packets bear, also where an error quotes them, and answers to somebody who did not ask.
fn on_the_wire(wire: &Wire) -> Result<BTreeSet<(Ipv4Addr, String)>> {
    let (end, mut seen) = (Instant::now() + Duration::from_secs(3), BTreeSet::new());
    while let Some(frame) = wire.next(end)? {
        seen.extend(read(&frame));
    }
    Ok(seen)
}

fn read(frame: &[u8]) -> Option<(Ipv4Addr, String)> {
    if frame.get(12..14)? != [8, 0] {
        return None;
    }
    let address = |at: usize| Some(Ipv4Addr::from(<[u8; 4]>::try_from(frame.get(at..at + 4)?).ok()?));
    let (from, to) = (address(26)?, address(30)?);
    match marked(frame) {
        Some(name) => Some((from, name)),
        None => (to == STRANGER).then(|| (from, "answer".to_owned())),
    }
}

fn marked(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let (_, rest) = text.split_once("ESC ")?;
    Some(rest.split(';').next()?.to_owned())
}

/// What the neighbour heard, once it has heard what is true.
fn heard_beside(node: &mut Node, said: &[String]) -> Result<BTreeSet<String>> {
    let own = said.iter().find_map(|line| line.strip_prefix("PACKETS from ")?.split(' ').next()).context("it did not say where it is")?;
    let lines = says(node, "ear", &format!("EAR {own} ESC neighbour;"), 30)?;
    let heard = lines.iter().filter_map(|line| line.strip_prefix("EAR ")?.split_once(" ESC "));
    Ok(heard
        .map(|(from, text)| format!("{} from {}", text.trim_end_matches(';'), if from == own { "itself" } else { "another" }))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_known_by_their_mark_and_answers_by_whom_they_are_for() {
        let mut frame = vec![0; 34];
        frame[12] = 8;
        frame[26..30].copy_from_slice(&NODE_LINK_LOCAL.octets());
        assert_eq!(read(&frame), None);
        frame[30..34].copy_from_slice(&STRANGER.octets());
        assert_eq!(read(&frame), Some((NODE_LINK_LOCAL, "answer".into())));
        frame.extend(b"....ESC out;");
        assert_eq!(read(&frame), Some((NODE_LINK_LOCAL, "out".into())));
    }

    #[test]
    fn the_list_is_there() {
        assert!(listed().contains("out from the node"), "{:?}", listed());
    }
}
