//! Our side of the comparison.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use ampoule_api_client::{Client, LogQuery, Method};
use ampoule_api_types::v1::{BootReport, LogRecord, ServiceList, WorkloadList, WorkloadState};
use ampoule_builder::BuiltImage;
use ampoule_machine::{Boot, Exit, Forward, LocalIdentity, Machine, free_port};
use anyhow::{Context, Result, bail, ensure};
use serde_json::json;

use crate::{
    bench::{
        Conditions, measure,
        table::{Sample, Size},
    },
    local::{folder::client_of, user_data::UserData},
    show::Show,
};

const LIMIT: Duration = Duration::from_secs(300);

/// A node whose image store holds the demo already.
pub(super) struct Prepared {
    size: Size,
    boot: Boot,
    identity: LocalIdentity,
    user_data: Vec<u8>,
}

impl Prepared {
    pub(super) fn size(&self) -> Size {
        self.size
    }
}

/// Boots once, lets the node pull the demo, and keeps its disk.
pub(super) fn prepare(show: &Show, built: &BuiltImage, registry: u16, conditions: Conditions, work: &Path) -> Result<Prepared> {
    prepare_with(show, built, registry, conditions, work, "")
}

/// The same with settings of one's own: a message of the day, by which the program of the test image is told what to do.
pub(super) fn prepare_with(
    show: &Show,
    built: &BuiltImage,
    registry: u16,
    conditions: Conditions,
    work: &Path,
    message: &str,
) -> Result<Prepared> {
    show.stage("ampoule", "first boot: pulls the container's image", || {
        let identity = LocalIdentity::create(&work.join("identity"))?;
        let user_data = identity.user_data(&UserData::of(message)?.with(&settings(registry))?)?;
        let cmdline = fs::read_to_string(built.dir.join("cmdline")).context("cannot read the image's cmdline")?;
        let boot = |disk: PathBuf| Boot::Custom { disk, kernel: built.dir.join("vmlinuz"), initrd: None, cmdline: cmdline.clone() };
        let sizes = &built.manifest.sizes;
        let size = Size { bytes: sizes.root + sizes.verity + sizes.uki, executables: built.manifest.executables.len() as u64 };
        let first = Prepared { size, boot: boot(ampoule_machine::image_disk(&built.dir)?), identity, user_data };
        let (mut machine, client) = start(&first, conditions, work.join("first"))?;
        until(&mut machine, SELDOM, || running(&client))?;
        machine.powerdown()?;
        ensure!(machine.wait_exit(LIMIT)? == Exit::PowerOff, "the first boot did not end well:\n{}", machine.describe_end());
        let disk = machine.config().overlay();
        Ok(Prepared { boot: boot(disk), ..first })
    })
}

/// One measured boot.
pub(super) fn boot(prepared: &Prepared, conditions: Conditions, work: &Path) -> Result<Sample> {
    let power_on = SystemTime::now();
    let (mut machine, client) = start(prepared, conditions, work.join("ampoule"))?;
    until(&mut machine, SELDOM, || first_output(&client, power_on).is_some())?;
    let output = first_output(&client, power_on).context("the container's output is gone")?;
    let report: BootReport = client.get_json("/v1/boot")?;
    let services: ServiceList = client.get_json("/v1/services")?;
    let containerd = services.services.iter().find(|service| service.name == "containerd").and_then(|service| service.ready_ms);
    let api = report.api_ms.context("the boot report has no time for the API")?;
    let memory = measure::memory_in_use(&mut machine)?;
    explain(&client, power_on, &work.join("explained"))?;
    machine.kill()?;
    let seconds = |ms: u64| ms as f64 / 1000.0;
    Ok(Sample {
        init: seconds(report.init_ms.context("the boot report has no time for init")?),
        ready: seconds(api.max(containerd.unwrap_or(0))),
        output: seconds(output),
        memory,
    })
}

/// Keeps what tells where time and memory went: the boot report, the log with its times, the memory of each service.
fn explain(client: &Client, power_on: SystemTime, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let keep = |name: &str, text: String| fs::write(folder.join(name), text).with_context(|| format!("cannot write {name}"));
    let lines = records(client, &LogQuery::default(), power_on).unwrap_or_default();
    let line = |record: &LogRecord| format!("{:>8} ms  {}: {}\n", record.monotonic_ms, record.source, record.text);
    keep("log", lines.iter().map(line).collect())?;
    keep("boot.json", client.get_json::<serde_json::Value>("/v1/boot")?.to_string())?;
    keep("services.json", client.get_json::<serde_json::Value>("/v1/services")?.to_string())?;
    keep("metrics", client.call(Method::Get, "/v1/metrics", None)?.text())
}

fn settings(registry: u16) -> serde_json::Value {
    let host = format!("{}:{registry}", ampoule_machine::HOST_SEEN_FROM_GUEST);
    json!({
        "container-registry": { "plain-http": [host] },
        "workloads": { "demo": { "image": format!("{host}/demo:latest") } },
    })
}

pub(super) fn start(prepared: &Prepared, conditions: Conditions, workdir: PathBuf) -> Result<(Machine, Client)> {
    let mut config = conditions.machine(prepared.boot.clone(), workdir);
    let port = free_port()?;
    config.forwards = vec![Forward { host: port, guest: LocalIdentity::API_PORT }];
    config.disk_size = Some(4 << 30);
    config.user_data = Some(prepared.user_data.clone());
    let client = client_of(&prepared.identity, port)?.with_timeout(Duration::from_secs(5));
    Ok((Machine::start(config)?, client))
}

/// Asking costs the node time that is being measured (a handshake and a search in the log, emulated), and the other system is not asked
/// at all: so seldom that mostly all has happened by then.
pub(super) const SELDOM: Pace = Pace { span: Duration::from_secs(10), limit: LIMIT };

/// How something is waited for.
#[derive(Clone, Copy)]
pub(super) struct Pace {
    /// Between two questions.
    pub(super) span: Duration,
    /// Until it is given up.
    pub(super) limit: Duration,
}

/// Waits for something that a machine does.
pub(super) fn until(machine: &mut Machine, pace: Pace, done: impl Fn() -> bool) -> Result<()> {
    let start = Instant::now();
    while !done() {
        if !machine.alive() || start.elapsed() > pace.limit {
            bail!("the machine did not come so far:\n{}", machine.describe_end());
        }
        thread::sleep(pace.span);
    }
    Ok(())
}

fn running(client: &Client) -> bool {
    let list: WorkloadList = client.get_json("/v1/workloads").unwrap_or_default();
    list.workloads.iter().any(|workload| workload.state == WorkloadState::Running)
}

/// When the container first spoke after `power_on`, in milliseconds since the kernel's start.
fn first_output(client: &Client, power_on: SystemTime) -> Option<u64> {
    let query = LogQuery { sources: vec!["workload/demo".into()], ..LogQuery::default() };
    records(client, &query, power_on)?.first().map(|record| record.monotonic_ms)
}

/// What was logged after `power_on`. Lines of earlier boots are older: the node's clock is this machine's, to the second.
fn records(client: &Client, query: &LogQuery, power_on: SystemTime) -> Option<Vec<LogRecord>> {
    let earliest = power_on.duration_since(UNIX_EPOCH).ok()?.as_millis().saturating_sub(1000);
    let records = client.logs(query).ok()?.filter_map(|line| serde_json::from_str::<LogRecord>(&line.ok()?).ok());
    Some(records.filter(|record| u128::from(record.time_ms) >= earliest).collect())
}
