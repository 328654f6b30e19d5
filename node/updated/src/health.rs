//! What is seen of the node while a boot is on trial.

use crate::fetcher::Fetcher;
use crate::hostd;
use crate::places::Places;
use ampoule_api_types::v1::{GenerationList, SettingProblem, WorkloadState};
use ampoule_fetchwire::{MAX_PROBE, Probe};
use ampoule_initctl::{InitClient, Phase};
use ampoule_update::config::{Check, Config};
use ampoule_update::gates::{Gates, Observation};
use ampoule_update::record::Trial;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Services without which the node is of no use, as far as the image has them.
const REQUIRED: [&str; 7] = ["storage", "logd", "netd", "apid", "containerd", "hostd", "kubelet"];
/// A daemon of the node answers at once.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest answer of the API that is read.
const MAX_ANSWER: u64 = 1 << 20;
/// Checks that are done at once.
const AT_ONCE: usize = 4;

/// What the boot must show.
pub(crate) fn gates(config: &Config, trial: Option<&Trial>, places: &Places) -> Gates {
    let there = services_of_the_image(places);
    // Without any answer of init all are asked for: then it is not well.
    let wanted = |name: &&str| there.is_empty() || there.iter().any(|(known, _)| known == name);
    Gates {
        services: REQUIRED.into_iter().filter(wanted).map(str::to_owned).collect(),
        workloads: trial.map(|trial| trial.workloads.iter().cloned().collect()).unwrap_or_default(),
        checks: config.checks.keys().cloned().collect(),
        settle: places.pace().settle,
        limit: config.health_timeout,
    }
}

/// Asked again for a while: an init that is busy is no sign of health or of the lack of it.
fn services_of_the_image(places: &Places) -> Vec<(String, bool)> {
    for _ in 0..10 {
        if let Ok(services) = services(places) {
            return services;
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    Vec::new()
}

/// What it shows at the moment, `elapsed` seconds after the watch began.
pub(crate) fn observe(elapsed: u64, gates: &Gates, config: &Config, fetcher: &Fetcher, places: &Places) -> Observation {
    let api = places.below("/run/ampoule/apid/api.sock");
    Observation {
        elapsed,
        api: ask_api(&api, "/os").is_ok(),
        settings: not_carried_over(&api),
        services: services(places).unwrap_or_default().into_iter().filter(|(_, ready)| *ready).map(|(name, _)| name).collect(),
        workloads: ready_workloads(gates, places),
        checks: checks(config, fetcher, places),
    }
}

/// Names of workloads that run.
pub(crate) fn running_workloads(places: &Places) -> Vec<String> {
    let list = hostd::workloads(places).unwrap_or_else(|error| {
        log::warn!("hostd does not say which workloads run, so none is waited for at the next boot: {error}");
        BTreeMap::new()
    });
    list.into_iter().filter(|(_, state)| *state == WorkloadState::Running).map(|(name, _)| name).collect()
}

/// Those of the gates that run, or that settings do not want any more.
fn ready_workloads(gates: &Gates, places: &Places) -> BTreeSet<String> {
    let Ok(list) = hostd::workloads(places) else { return BTreeSet::new() };
    let ready = |name: &&String| match list.get(*name) {
        Some(state) => matches!(state, WorkloadState::Running | WorkloadState::Disabled),
        None => true,
    };
    gates.workloads.iter().filter(ready).cloned().collect()
}

/// Every service of the node, and whether it is ready.
fn services(places: &Places) -> Result<Vec<(String, bool)>, ampoule_initctl::InitError> {
    let all = InitClient::connect_at(&places.below(ampoule_initctl::SOCKET))?.services()?;
    let ready = |phase| matches!(phase, Phase::Running | Phase::Done);
    Ok(all.into_iter().map(|service| (service.name.as_str().to_owned(), ready(service.phase))).collect())
}

/// Settings that somebody chose and that have no effect in this version. What the API does not say is no reason against a boot: whether it answers at all is another gate.
fn not_carried_over(socket: &Path) -> Vec<String> {
    let list = ask_api(socket, "/v1/generations").and_then(|body| Ok(serde_json::from_slice::<GenerationList>(&body)?));
    let said = |p: SettingProblem| format!("settings.{} was not carried over: {} ({})", p.key, p.reason, p.remedy);
    list.map(|list| list.problems.into_iter().map(said).collect()).unwrap_or_default()
}

/// What the API answers to a question that it must be able to answer.
fn ask_api(socket: &Path, path: &str) -> io::Result<Vec<u8>> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER).read_to_end(&mut answer)?;
    let wrong = || io::Error::from(io::ErrorKind::InvalidData);
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").ok_or_else(wrong)?;
    if answer.starts_with(b"HTTP/1.1 200") { Ok(answer.split_off(end + 4)) } else { Err(wrong()) }
}

fn checks(config: &Config, fetcher: &Fetcher, places: &Places) -> BTreeMap<String, Result<(), String>> {
    let all: Vec<_> = config.checks.iter().collect();
    let mut seen = BTreeMap::new();
    for some in all.chunks(AT_ONCE) {
        std::thread::scope(|scope| {
            let asked: Vec<_> = some.iter().map(|(name, check)| (*name, scope.spawn(|| ask(name, check, fetcher, places)))).collect();
            for (name, outcome) in asked {
                seen.insert(name.clone(), outcome.join().unwrap_or_else(|_| Err("it could not be asked".to_owned())));
            }
        });
    }
    seen
}

fn ask(name: &str, check: &Check, fetcher: &Fetcher, places: &Places) -> Result<(), String> {
    let millis = |seconds: u64| Duration::from_secs(seconds).min(MAX_PROBE).as_millis().try_into().unwrap_or(u64::MAX);
    match check {
        Check::Http { url, timeout_seconds } => fetcher.probe(Probe::Http { url: url.clone(), timeout_ms: millis(*timeout_seconds) }),
        Check::Tcp { address, port, timeout_seconds } => {
            let host = if address.contains(':') && !address.starts_with('[') { format!("[{address}]") } else { address.clone() };
            fetcher.probe(Probe::Tcp { address: format!("{host}:{port}"), timeout_ms: millis(*timeout_seconds) })
        }
        Check::Command { timeout_seconds, .. } => hostd::check(places, name, Duration::from_secs(*timeout_seconds)),
    }
}
