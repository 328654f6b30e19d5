//! `ps`, `logs`, `console`, `ctl`: looking at a running node, and speaking to it.

use std::{
    fs::File,
    io::{self, Read, Write},
    process::ExitCode,
    thread,
    time::Duration,
};

use ampoule_api_client::LogQuery;
use ampoule_machine::strip_escapes;
use anyhow::{Context, Result};
use serde_json::Value;

use crate::{
    cli::{ConsoleArgs, CtlArgs, LogsArgs, NodeArgs},
    local::folder::NodeFolder,
};

/// `./ampoule ps`.
pub(crate) fn ps(args: &NodeArgs) -> Result<()> {
    let client = NodeFolder::named(&args.name).client()?;
    let document: Value = client
        .get_json("/v1/workloads")
        .context("cannot read the workloads")?;
    let list = document["workloads"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    println!(
        "{:20} {:12} {:>8} {:16} IMAGE",
        "NAME", "STATE", "RESTARTS", "ADDRESS"
    );
    for entry in &list {
        let text = |key: &str| strip_escapes(entry[key].as_str().unwrap_or("-"));
        let restarts = entry["restarts"].as_u64().unwrap_or(0);
        println!(
            "{:20} {:12} {restarts:>8} {:16} {}",
            text("name"),
            text("state"),
            text("address"),
            text("image")
        );
        if let Some(message) = entry["message"]
            .as_str()
            .filter(|message| !message.is_empty())
        {
            println!("{:20} {}", "", strip_escapes(message));
        }
    }
    if list.is_empty() {
        println!("(no workloads; `./ampoule ctl set workloads.NAME.image=REFERENCE` adds one)");
    }
    Ok(())
}

/// `./ampoule logs`.
pub(crate) fn logs(args: &LogsArgs) -> Result<()> {
    let client = NodeFolder::named(&args.node.name).client()?;
    let query = LogQuery {
        sources: args.sources.clone(),
        tail: Some(args.tail),
        follow: args.follow,
        ..LogQuery::default()
    };
    let mut out = io::stdout().lock();
    for line in client.logs(&query).context("cannot read the logs")? {
        let line = line.context("the node stopped sending")?;
        if writeln!(out, "{}", log_line(&line)).is_err() {
            return Ok(()); // the reader went away: `… | head`
        }
    }
    Ok(())
}

/// A record as a person reads it; what is not a record is shown as it is.
fn log_line(line: &str) -> String {
    let record: Value = serde_json::from_str(line).unwrap_or_default();
    let source = ["source", "service", "name"]
        .iter()
        .find_map(|key| record[*key].as_str());
    let message = ["message", "line", "text"]
        .iter()
        .find_map(|key| record[*key].as_str());
    match (source, message) {
        (Some(source), Some(message)) => strip_escapes(&format!("{source:12} {message}")),
        _ => strip_escapes(line),
    }
}

/// `./ampoule console`.
pub(crate) fn console(args: &ConsoleArgs) -> Result<()> {
    let folder = NodeFolder::named(&args.node.name);
    let path = folder.console();
    let mut file = File::open(&path).with_context(|| {
        format!(
            "no console log at {}; has the node been run?",
            path.display()
        )
    })?;
    let mut out = io::stdout().lock();
    loop {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)
            .context("cannot read the console log")?;
        let text = strip_escapes(&String::from_utf8_lossy(&bytes));
        let closed = out
            .write_all(text.as_bytes())
            .and_then(|()| out.flush())
            .is_err();
        if closed || !args.follow || (bytes.is_empty() && folder.running()?.is_none()) {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(200));
    }
}

/// `./ampoule ctl …`.
pub(crate) fn ctl(args: &CtlArgs) -> Result<ExitCode> {
    let client = NodeFolder::named(&args.node.name).client()?;
    let result = ampoule_api_cli::run(
        &client,
        &args.arguments,
        &mut io::stdin().lock(),
        &mut io::stdout().lock(),
    );
    match result {
        Err(error) if !error.is_closed_pipe() => {
            eprintln!("error: {error}");
            Ok(ExitCode::from(error.exit_code()))
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_become_lines() {
        assert_eq!(
            log_line(r#"{"source":"apid","message":"hi"}"#),
            "apid         hi"
        );
        assert_eq!(log_line("plain"), "plain");
    }
}
