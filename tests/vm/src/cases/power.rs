//! The power goes, nicely or not.

use ampoule_api_client::{Client, ClientError};
use ampoule_api_types::v1::ApplyRequest;
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::workloads::node_with;
use crate::{
    context::Context,
    framework::{Node, within},
    runner::Case,
};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "power_button_stops_in_order",
        about: "the power button ends workloads, which have time for their last words, and services, each after those that need it; nothing is lost",
        limit: within(600),
        soak: false,
        run: power_button_stops_in_order,
    },
    Case {
        name: "power_cut_leaves_settings_whole",
        about: "ten power cuts in the middle of changes and their confirmation: each time the node boots, with one whole set of settings, and goes back to what was confirmed",
        limit: within(1200),
        soak: false,
        run: |context| power_cuts(context, 10),
    },
    Case {
        name: "soak_power_cuts",
        about: "the same fifty times",
        limit: within(7200),
        soak: true,
        run: |context| power_cuts(context, 50),
    },
];

/// Told to end, it takes a second; then its last words.
const POLITE: &str = "[workloads.polite]\nimage = \"{image}\"\ncommand = [\"/bin/sh\", \"-c\", \"trap 'sleep 1; echo farewell; exit' TERM; echo here; while :; do sleep 0.2; done\"]\n";
/// Services, and what they need: by their files, it is stopped when they are down.
const NEEDS: [(&str, &str); 4] = [("hostd", "apid"), ("updated", "apid"), ("update-fetcher", "apid"), ("ntpd", "apid")];

fn power_button_stops_in_order(context: &Context) -> Result<()> {
    let mut node = node_with(context, POLITE)?;
    node.runs("polite")?;
    node.says("workload/polite", "here", within(60))?;
    node.set(json!({ "motd": "written just before the end" }))?;
    node.stops_at_the_power_button()?;
    ensure!(!node.console().contains("EXT4-fs error"), "a file system was left dirty");

    let mut node = node.starts_again()?;
    node.boots()?;
    ensure!(!node.console().contains("recovery complete"), "a file system was not unmounted");
    ensure!(motd(&node)? == "written just before the end");
    node.says("workload/polite", "farewell", within(10)).context("it was cut off")?;
    services_stopped_in_order(&node)?;
    node.powers_off_by_api()
}

/// As `init` said in the boot before.
fn services_stopped_in_order(node: &Node) -> Result<()> {
    let lines: Vec<String> = node.log_of("kernel")?.into_iter().map(|line| line.text).collect();
    let at = |said: String| lines.iter().position(|line| *line == said).with_context(|| format!("init did not say {said:?}"));
    for (service, needed) in NEEDS {
        let (down, told) = (at(format!("init: {service}: stopped"))?, at(format!("init: {needed}: stopping"))?);
        ensure!(down < told, "{needed} was told to end while {service} ran: {:#?}", &lines[told..=down]);
    }
    Ok(())
}

/// Two settings change together in each transaction; torn writes would part them. Each change waits for its confirmation.
fn power_cuts(context: &Context, times: u32) -> Result<()> {
    let mut node = context.node().start()?;
    node.boots()?;
    let mut confirmed = write_until_cut(&mut node, 0)?;
    for round in 1..=times {
        node = node.starts_again()?;
        node.boots().with_context(|| format!("after power cut {round}"))?;
        confirmed = settle(&node, confirmed).with_context(|| format!("after power cut {round}"))?;
        confirmed = write_until_cut(&mut node, confirmed)?;
    }
    Ok(())
}

/// The last confirmed write or the one after it is there, whole; a write that waits for its confirmation goes when it is refused. Gives
/// the write that is in force then.
fn settle(node: &Node, confirmed: u64) -> Result<u64> {
    let found = whole(node)?;
    ensure!((confirmed..=confirmed + 1).contains(&found), "write {confirmed} was confirmed, write {found} is there");
    if node.client()?.generations()?.standing.trial.is_none() {
        return Ok(found);
    }
    node.client()?.rollback()?;
    let left = whole(node)?;
    ensure!(left == confirmed, "write {confirmed} was confirmed, the way back led to write {left}");
    Ok(left)
}

/// The write whose two settings are both there.
fn whole(node: &Node) -> Result<u64> {
    let (found, host_name) = (number(&motd(node)?)?, host_number(node)?);
    ensure!(found == host_name, "torn: motd of write {found}, host name of write {host_name}");
    Ok(found)
}

/// Writes for some seconds, then cuts the power while a request is in flight; the last write that was confirmed.
fn write_until_cut(node: &mut Node, from: u64) -> Result<u64> {
    let client = node.client()?.with_timeout(within(20));
    let (send, receive) = std::sync::mpsc::channel();
    let writer = std::thread::spawn(move || {
        for write in from + 1.. {
            if change(&client, write).is_err() || send.send(write).is_err() {
                return;
            }
        }
    });
    let mut last = receive.recv_timeout(within(60)).context("no write was answered")?;
    let cut_after = from + 3 + from % 3;
    while last < cut_after {
        last = receive.recv_timeout(within(60)).context("writes have stopped")?;
    }
    node.loses_power()?;
    last = receive.iter().last().unwrap_or(last);
    writer.join().map_err(|_| anyhow::anyhow!("the writer panicked"))?;
    Ok(last)
}

fn change(client: &Client, write: u64) -> Result<(), ClientError> {
    let settings = json!({
        "motd": format!("write {write}"),
        "network": { "hostname": format!("node-{write}") },
    });
    let request = ApplyRequest { settings: Some(settings), confirm_seconds: Some(3600), ..ApplyRequest::default() };
    let report = client.apply(&request)?;
    client.confirm(report.generation).map(drop)
}

fn settings(node: &Node) -> Result<Value> {
    let document = node.client()?.settings(None)?;
    Ok(document.get("settings").cloned().unwrap_or(document))
}

fn motd(node: &Node) -> Result<String> {
    Ok(settings(node)?["motd"].as_str().unwrap_or_default().to_owned())
}

fn host_number(node: &Node) -> Result<u64> {
    let settings = settings(node)?;
    let name = settings["network"]["hostname"].as_str().unwrap_or_default();
    number(&name.replace("node-", "write "))
}

fn number(text: &str) -> Result<u64> {
    let digits = text.strip_prefix("write ").with_context(|| format!("{text:?} is no write"))?;
    Ok(digits.parse()?)
}
