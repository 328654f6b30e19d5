//! `bench api`: what the settings API costs, and how soon a change has effect.

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use ampoule_api_client::Client;
use ampoule_api_types::v1::{ServiceList, ServiceState};
use ampoule_machine::Machine;
use ampoule_settings::{Model, parse_user_data};
use anyhow::{Context, Result, bail, ensure};
use serde_json::json;

use crate::{
    bench::{Conditions, debian, ours, table::Spread},
    demo, figures,
    show::Show,
};
use ampoule_registry::Registry;

/// Clients that ask at the same time.
const CLIENTS: usize = 4;
/// How long they ask.
const ASKING: Duration = Duration::from_secs(20);
/// Largest user data of EC2, in bytes.
const USER_DATA: usize = 16 * 1024;
/// How often it is read.
const READINGS: usize = 50;
/// A service comes back in seconds, also under emulation.
const LIMIT: Duration = Duration::from_secs(60);

/// All figures.
struct Figures {
    requests_per_second: f64,
    answers: Vec<f64>,
    changes: Vec<f64>,
    restarts: Vec<f64>,
    idle: f64,
    loaded: f64,
    readings: Vec<f64>,
}

/// `./ampoule bench api`
pub(crate) fn run(runs: u32, conditions: Conditions, given: Option<&Path>, write: bool) -> Result<()> {
    let _lock = super::lock()?;
    let show = Show::new();
    let registry = Registry::start(vec![("demo".to_owned(), demo::image(&show)?)])?;
    let debian = debian::prepare(&show, &registry)?;
    let built = super::built(&show, given)?;
    let work = super::workdir()?;
    let prepared = ours::prepare(&show, &built, registry.port(), conditions, &work)?;
    let readings = readings()?;
    let ours = show.stage("ampoule", "asks for settings and changes one, again and again", || node(&prepared, conditions, &work, runs))?;
    let restarts = show.stage("debian", "restarts the same daemon, again and again", || debian::restarts(&debian, conditions, &work))?;
    drop(show);
    let page = page(&Figures { readings, restarts, ..ours }, runs);
    super::tell(&page, write.then_some("benchmarks-api.md"))
}

fn node(prepared: &ours::Prepared, conditions: Conditions, work: &Path, runs: u32) -> Result<Figures> {
    let (mut machine, client) = ours::start(prepared, conditions, work.join("api"))?;
    let client = client.with_timeout(LIMIT);
    ours::until(&mut machine, ours::SELDOM, || is_running(&client, "ntpd"))?;
    // What was read from the disk while it started settles in the page cache.
    thread::sleep(Duration::from_secs(10));
    let idle = memory(&client)?;
    let (requests_per_second, answers) = ask(&client)?;
    let loaded = memory(&client)?;
    let changes = (1..=runs).map(|run| change(&mut machine, &client, run)).collect::<Result<_>>()?;
    machine.kill()?;
    Ok(Figures { requests_per_second, answers, changes, restarts: Vec::new(), idle, loaded, readings: Vec::new() })
}

/// All settings, each time over a connection of its own: what a script that calls the command line costs.
fn ask(client: &Client) -> Result<(f64, Vec<f64>)> {
    let start = Instant::now();
    let asking: Vec<_> = (0..CLIENTS).map(|_| client.clone()).map(|client| thread::spawn(move || ask_on(&client, start))).collect();
    let mut answers = Vec::new();
    for one in asking {
        answers.extend(one.join().map_err(|_| anyhow::anyhow!("a client panicked"))??);
    }
    Ok((answers.len() as f64 / start.elapsed().as_secs_f64(), answers))
}

fn ask_on(client: &Client, start: Instant) -> Result<Vec<f64>> {
    let mut took = Vec::new();
    while start.elapsed() < ASKING {
        let before = Instant::now();
        client.settings(None)?;
        took.push(before.elapsed().as_secs_f64());
    }
    Ok(took)
}

/// From the request to the daemon running with the new setting, in seconds: the answer comes when it is ready.
fn change(machine: &mut Machine, client: &Client, run: u32) -> Result<f64> {
    let before = Instant::now();
    client.change_settings(&json!({ "ntp": { "time-servers": [format!("192.0.2.{run}")] } }))?;
    let took = before.elapsed().as_secs_f64();
    ensure!(is_running(client, "ntpd"), "the answer came before the daemon was ready:\n{}", machine.describe_end());
    Ok(took)
}

fn is_running(client: &Client, name: &str) -> bool {
    let list: ServiceList = client.get_json("/v1/services").unwrap_or_default();
    list.services.iter().any(|service| service.name == name && service.state == ServiceState::Running)
}

/// Bytes of the API server's control group.
fn memory(client: &Client) -> Result<f64> {
    let page = client.call(ampoule_api_client::Method::Get, "/v1/metrics", None)?.text();
    let mark = "ampoule_service_memory_bytes{service=\"apid\"} ";
    let Some(line) = page.lines().find_map(|line| line.strip_prefix(mark)) else { bail!("the metrics have no line {mark}") };
    line.trim().parse().context("the memory is no number")
}

/// Seconds to read and check the largest user data.
fn readings() -> Result<Vec<f64>> {
    let (model, text) = (Model::complete(), largest());
    let read = || {
        let before = Instant::now();
        parse_user_data(&model, text.as_bytes()).map_err(|e| anyhow::anyhow!("{e}"))?;
        Ok(before.elapsed().as_secs_f64())
    };
    (0..READINGS).map(|_| read()).collect()
}

/// As many settings as fit.
fn largest() -> String {
    let mut text = "[settings.kubernetes.node-labels]\n".to_owned();
    let lines = (0..).map(|n| format!("\"example.com/label-{n}\" = \"value-{n}\"\n"));
    for line in lines {
        if text.len() + line.len() > USER_DATA {
            return text;
        }
        text.push_str(&line);
    }
    text
}

fn page(figures: &Figures, runs: u32) -> String {
    let milliseconds = |seconds: f64| format!("{:.1} ms", seconds * 1000.0);
    let percentile = |part: f64| {
        let mut all = figures.answers.clone();
        all.sort_by(f64::total_cmp);
        all.get(((all.len() as f64 * part) as usize).min(all.len().saturating_sub(1))).copied().unwrap_or_default()
    };
    let (ours, theirs) = (Spread::of(figures.changes.iter().copied()), Spread::of(figures.restarts.iter().copied()));
    let bytes = |n: f64| figures::bytes(n as u64);
    let rows = [
        "# Measured: the settings API".to_owned(),
        format!("Made by `./ampoule bench api --runs {runs} --write`, with the engine `{}`.", ampoule_machine::Accelerator::detect()),
        format!(
            "| what | figure |\n|---|---|\n\
             | GET /settings, {CLIENTS} clients, each request over its own TLS connection | {:.1} a second |\n\
             | median, 99th percentile | {}, {} |\n\
             | PATCH, commit and apply of one key until the time daemon runs with it | {} |\n\
             | `systemctl restart` of the same daemon (ntpd-rs) on Debian 13 | {} |\n\
             | ours / Debian's | {:.1} |\n\
             | memory of the API server's control group, idle; after the load | {}; {} |\n\
             | reading and checking {} of user data, on the host | {} |\n",
            figures.requests_per_second,
            milliseconds(percentile(0.5)),
            milliseconds(percentile(0.99)),
            ours.show(milliseconds),
            theirs.show(milliseconds),
            if theirs.median() > 0.0 { ours.median() / theirs.median() } else { 0.0 },
            bytes(figures.idle),
            bytes(figures.loaded),
            figures::bytes(USER_DATA as u64),
            Spread::of(figures.readings.iter().copied()).show(milliseconds),
        ),
        "Our change is validated, planned, made durable on disk, written, and the daemon is waited for until it says that it is ready, all of it\n\
         over the network; Debian's is the command alone, run on the machine, and it returns when systemd has started the process."
            .to_owned(),
    ];
    rows.join("\n\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_user_data_is_right_and_as_large_as_it_may_be() {
        let text = largest();
        assert!(text.len() <= USER_DATA && text.len() > USER_DATA - 100, "{}", text.len());
        assert!(parse_user_data(&Model::complete(), text.as_bytes()).is_ok());
    }

    #[test]
    fn the_page_has_the_ratio() {
        let figures = Figures {
            requests_per_second: 10.0,
            answers: vec![0.1, 0.2],
            changes: vec![0.3],
            restarts: vec![0.1],
            idle: 1e6,
            loaded: 2e6,
            readings: vec![0.001],
        };
        assert!(page(&figures, 1).contains("| ours / Debian's | 3.0 |"), "{}", page(&figures, 1));
    }
}
