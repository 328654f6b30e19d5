//! What a workload may write: at its limit it alone gets an error, whatever it fills, and everyone else writes on.

use ampoule_api_types::v1::{DiskUse, PlanRequest, WorkloadState};
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::escapes::{image, neighbour_is_well, registry, says, start};
use crate::{
    context::Context,
    framework::{Node, within},
    runner::Case,
};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "a_full_disk_is_its_workloads_alone",
        about: "a workload that fills its share of the disk, or its inodes, gets an error; the API and others write on; another limit has effect at once",
        limit: within(600),
        soak: false,
        run: a_full_disk_is_its_workloads_alone,
    },
    Case {
        name: "a_disk_without_quotas_goes_on",
        about: "a disk of an older version, without quotas, keeps its data and runs workloads, and the API says that nothing is limited",
        limit: within(600),
        soak: false,
        run: a_disk_without_quotas_goes_on,
    },
];

const MIB: u64 = 1 << 20;
/// What the greedy ones may have.
const LIMIT: u64 = 64 * MIB;
const INODES: u64 = 600;
/// Words of the attacking program: each fills one thing, in one way.
const KINDS: [&str; 5] = ["disk-root", "disk-write", "disk-volume", "inodes", "inodes-root"];

fn greedy(image: &str, volume: &str, kinds: &[&str]) -> Value {
    let args: Vec<&str> = ["exhaust"].iter().chain(kinds).copied().collect();
    json!({ "image": image, "args": args, "volumes": [format!("{volume}:/volume")], "disk": "64MiB", "inodes": INODES, "restart": "never" })
}

fn a_full_disk_is_its_workloads_alone(context: &Context) -> Result<()> {
    let registry = registry(context)?;
    let mut node = start(context, &registry, "")?;
    let image = image(&registry, "escape");
    let mut as_root = greedy(&image, "rooted", &KINDS);
    as_root["user-namespace"] = false.into();
    node.set(json!({ "workloads": {
        "greedy": greedy(&image, "greedy", &KINDS), "rooted": as_root, "holder": greedy(&image, "holder", &["disk-hold"]),
    } }))?;
    for name in ["greedy", "rooted"] {
        let lines = says(&mut node, name, "EXHAUST done", 180)?;
        KINDS.iter().try_for_each(|kind| stopped_at_its_limit(&lines, kind)).with_context(|| format!("{name}: {lines:#?}"))?;
    }
    let held = node.eventually("the holder is full", within(60), |node| is_full(node, LIMIT))?;
    others_write_on(&mut node, &image)?;
    another_limit_has_effect_at_once(&mut node)?;
    ensure!(held.inodes <= INODES && node.workload("holder")?.pid.is_some(), "{held:?}");
    shares_are_told(&node)
}

/// Each kind was stopped near the limit, by the quota and nothing else.
fn stopped_at_its_limit(lines: &[String], kind: &str) -> Result<()> {
    let end = lines.iter().find_map(|line| line.strip_prefix(&format!("EXHAUST {kind} stopped at "))).context(kind.to_owned())?;
    ensure!(end.contains("Disk quota exceeded"), "{kind} {end}");
    let reached: u64 = end.split(' ').next().unwrap_or_default().parse()?;
    let limit = if kind.starts_with("inodes") { INODES } else { LIMIT };
    ensure!(reached <= limit && reached >= limit / 2, "{kind} was stopped at {reached} of {limit}");
    Ok(())
}

fn is_full(node: &Node, limit: u64) -> Result<DiskUse> {
    let disk = node.workload("holder")?.disk.context("the API does not say what it takes of the disk")?;
    ensure!(disk.limit == limit && disk.used > limit * 9 / 10 && disk.used <= limit, "{disk:?}");
    Ok(disk)
}

/// While it is full: settings are stored, the log takes lines, a new workload is made and writes, and the neighbour answers.
fn others_write_on(node: &mut Node, image: &str) -> Result<()> {
    node.set(json!({ "motd": "written while a workload's disk is full", "workloads": {
        "late": { "image": image, "args": ["exhaust", "disk-write"], "disk": "96MiB", "restart": "never" },
    } }))?;
    let lines = says(node, "late", "EXHAUST done", 120)?;
    let wrote = lines.iter().find_map(|line| line.strip_prefix("EXHAUST disk-write stopped at ")?.split(' ').next()?.parse::<u64>().ok());
    ensure!(wrote.is_some_and(|bytes| bytes > LIMIT), "it could not write what is its own: {lines:#?}");
    neighbour_is_well(node)
}

fn another_limit_has_effect_at_once(node: &mut Node) -> Result<()> {
    let change = json!({ "workloads": { "holder": { "disk": "128MiB" } } });
    let plan = node.client()?.plan(&PlanRequest { settings: Some(change.clone()), unset: Vec::new() })?;
    let planned = plan.workloads.first().context("no workload in the plan")?;
    ensure!(planned.change == "adjusted" && planned.notes == ["may write 128MiB (before: 64MiB)"], "{planned:?}");
    let before = node.workload("holder")?.pid;
    node.set(change)?;
    node.eventually("it has more room and takes it", within(60), |node| is_full(node, 2 * LIMIT))?;
    ensure!(node.workload("holder")?.pid == before, "it was started anew for a limit");
    Ok(())
}

/// Who says nothing has half of nine tenths of DATA, and so has what is shared.
fn shares_are_told(node: &Node) -> Result<()> {
    let list = node.client()?.workloads()?;
    ensure!(list.without_disk_limits.is_none(), "{:?}", list.without_disk_limits);
    let neighbour = node.workload("neighbour")?.disk.context("no share is told")?;
    let [shared] = &list.shared_volumes[..] else { anyhow::bail!("one volume is shared: {:?}", list.shared_volumes) };
    ensure!(shared.name == "shared" && shared.disk.limit == neighbour.limit && shared.disk.used > 0, "{shared:?} {neighbour:?}");
    ensure!(neighbour.limit > 4 * LIMIT && neighbour.inode_limit > INODES, "{neighbour:?}");
    Ok(())
}

fn a_disk_without_quotas_goes_on(context: &Context) -> Result<()> {
    let registry = registry(context)?;
    let mut node = start(context, &registry, "")?;
    node.stops_at_the_power_button()?;
    node.changes_head_of_partition("DATA", |data| data.forgets_quotas())?;
    let mut node = node.starts_again()?;
    node.boots()?;
    node.runs("neighbour")?;
    node.eventually("the neighbour has its data", within(60), |node| neighbour_is_well(node))?;
    let list = node.client()?.workloads()?;
    let told = list.without_disk_limits.context("the API does not say that nothing is limited")?;
    ensure!(told.contains("no quotas of projects") && list.workloads.iter().all(|workload| workload.disk.is_none()), "{told}");
    for source in ["storage", "hostd"] {
        ensure!(node.log_of(source)?.iter().any(|line| line.text.contains("quotas of projects")), "{source} does not say it in the log");
    }
    node.set(json!({ "workloads": { "planter": { "enabled": false } } }))?;
    node.workload_gets("planter", WorkloadState::Disabled, within(60))?;
    Ok(())
}
