//! What the log answers: to whom it listens, how far back, how bad, and what comes next.

use ampoule_api_client::LogQuery;
use ampoule_api_types::v1::LogRecord;
use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use crate::{
    context::Context,
    framework::{Node, within},
    runner::Case,
};

pub(super) const CASES: &[Case] = &[Case {
    name: "the_log_is_queried_and_followed",
    about: "records are told by source, level and time, and who follows gets a new one when it is written and no other's",
    limit: within(240),
    soak: false,
    run: the_log_is_queried_and_followed,
}];

/// As syslog counts.
const WARNING: u8 = 4;
/// A module that no image has. That it was wanted is a warning of this service.
const MODULE: &str = "nonesuch";
const SOURCE: &str = "modload";

fn the_log_is_queried_and_followed(context: &Context) -> Result<()> {
    let mut node = context.node().start()?;
    node.boots()?;
    let of_source = LogQuery { sources: vec![SOURCE.to_owned()], ..LogQuery::default() };
    let warnings = LogQuery { level: Some(WARNING), ..of_source.clone() };
    ensure!(!ask(&node, &of_source)?.is_empty(), "{SOURCE} said nothing, so nothing is left out below");
    ensure!(ask(&node, &warnings)?.is_empty(), "there is a warning before its cause");

    let mut news = node.client()?.logs(&LogQuery { follow: true, ..warnings.clone() })?;
    node.set(json!({ "kernel": { "modules": { MODULE: { "allowed": true, "autoload": true } } } }))?;
    let line = news.next_within(within(60))?.context("the answer ended while it was followed")?;
    let warning: LogRecord = serde_json::from_str(&line)?;
    ensure!(warning.source == SOURCE && warning.level == WARNING && warning.text.contains(MODULE), "{warning:?}");

    ensure!(ask(&node, &warnings)?.first() == Some(&warning), "who asks gets another record than who follows");
    let since = LogQuery { since: Some(warning.time_ms.to_string()), ..of_source.clone() };
    let (all, later) = (ask(&node, &of_source)?, ask(&node, &since)?);
    ensure!(all.iter().any(|record| record.time_ms < warning.time_ms), "nothing is older: {all:?}");
    ensure!(later.contains(&warning) && later.iter().all(|record| record.time_ms >= warning.time_ms), "{later:?}");
    ensure!(all.iter().all(|record| record.source == SOURCE), "another's record: {all:?}");
    node.stops_at_the_power_button()
}

fn ask(node: &Node, query: &LogQuery) -> Result<Vec<LogRecord>> {
    let lines = node.client()?.logs(query)?;
    lines.map(|line| Ok(serde_json::from_str(&line?)?)).collect()
}
