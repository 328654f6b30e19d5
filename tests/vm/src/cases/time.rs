//! A node finds the right time, and does not lose it.

use std::time::{SystemTime, UNIX_EPOCH};

use ampoule_api_client::LogQuery;
use ampoule_api_types::v1::LogRecord;
use anyhow::{Context as _, Result, ensure};

use crate::{
    context::Context,
    framework::{Node, within},
    runner::Case,
    software::TimeServer,
};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "time_comes_from_the_network",
        about: "a node whose clock is years ahead takes the time of a server named in its user data",
        limit: within(300),
        soak: false,
        run: time_comes_from_the_network,
    },
    Case {
        name: "time_does_not_go_back",
        about: "a node with a dead clock starts at its image's date, later at the time it last knew",
        limit: within(480),
        soak: false,
        run: time_does_not_go_back,
    },
];

/// In milliseconds since 1970.
const YEAR_2026: u64 = 1_767_225_600_000;
const YEAR_2031: u64 = 1_924_992_000_000;
const DAY: u64 = 86_400_000;

fn time_comes_from_the_network(context: &Context) -> Result<()> {
    let server = TimeServer::start()?;
    let port = server.port();
    // By its name, so that the daemon, which has no shared library to ask, must find it in /etc/hosts; and beside one that nobody knows.
    let settings = format!(
        "[network]\nhosts = [[\"10.0.2.2\", [\"timehost\"]]]\n[ntp]\ntime-servers = [\"nobody.invalid\", \"timehost:{port}\"]\noptions = [\"minpoll 0\", \"maxpoll 1\"]\n"
    );
    let mut node = context.node().with_settings(&settings).with_clock("2031-01-01").start()?;
    node.boots()?;
    node.eventually("the clock is set", within(120), |node| {
        let said = node.log_of("ntpd")?;
        ensure!(said.iter().any(|line| line.text.contains("Jumped offset by -")), "the last it said: {:?}", said.last());
        Ok(())
    })?;
    let first = node.log_of("ntpd")?.into_iter().next().context("ntpd said nothing")?;
    ensure!(first.time_ms > YEAR_2031, "the clock was right from the start ({}): nothing was tested", first.time_ms);
    // The daemon has a line for each answer.
    node.eventually("the node's time is the host's", within(60), |node| {
        let last = node.log_of("ntpd")?.pop().context("ntpd said nothing")?;
        let off = last.time_ms.abs_diff(now_ms());
        ensure!(off < 5_000, "it is {off} ms off: {}", last.text);
        Ok(())
    })
}

fn time_does_not_go_back(context: &Context) -> Result<()> {
    let plan = context.node().with_settings("[ntp]\ntime-servers = []\n");
    let mut node = plan.with_clock("2001-01-01").start()?;
    node.boots()?;
    was_set_forward(&node, 1)?;
    let first = last_record(&node)?;
    ensure!((YEAR_2026..YEAR_2031).contains(&first.time_ms), "not the image's date: {first:?}");
    node.stops_at_the_power_button()?;

    let mut node = node.starts_again_with_clock("2031-01-01")?;
    node.boots()?;
    let known = last_record(&node)?.time_ms;
    ensure!((YEAR_2031..YEAR_2031 + DAY).contains(&known), "the clock was set back or far ahead: {known}");
    node.stops_at_the_power_button()?;

    let mut node = node.starts_again_with_clock("2001-01-01")?;
    node.boots()?;
    was_set_forward(&node, 2)?;
    let now = last_record(&node)?;
    ensure!((known..known + DAY).contains(&now.time_ms), "it was {known}, now {now:?}");
    Ok(())
}

/// Without this the machine's clock was not in the past, and nothing is tested.
fn was_set_forward(node: &Node, times: usize) -> Result<()> {
    let said = node.log_of("clock")?;
    let found = said.iter().filter(|line| line.text.contains("was set forward")).count();
    ensure!(found == times, "set forward {found} times, not {times}: {said:?}");
    Ok(())
}

/// Every service's words carry the node's time.
fn last_record(node: &Node) -> Result<LogRecord> {
    let query = LogQuery { tail: Some(1), ..LogQuery::default() };
    let line = node.client()?.logs(&query)?.next().context("an empty log")?;
    Ok(serde_json::from_str(&line?)?)
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
