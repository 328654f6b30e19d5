//! Workloads apart from the node and from each other: ids, levels, what they see of the kernel, and what is told when something is refused.

use ampoule_api_types::v1::{PlanRequest, WorkloadIsolation};
use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::workloads::node_with;
use crate::{
    context::Context,
    framework::{Node, within},
    runner::Case,
};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "root_inside_is_nobody_outside",
        about: "root of a workload is another user of the node, each workload's another one, and what it stored is its own after a restart",
        limit: within(900),
        soak: false,
        run: root_inside_is_nobody_outside,
    },
    Case {
        name: "the_kernels_files_are_out_of_reach",
        about: "a workload, with ids of its own or the node's, reads and writes nothing of the kernel that containers must not",
        limit: within(600),
        soak: false,
        run: the_kernels_files_are_out_of_reach,
    },
    Case {
        name: "denials_are_told",
        about: "a program that was ended for a system call is among the denials, with what would allow it",
        limit: within(300),
        soak: false,
        run: denials_are_told,
    },
];

/// The kernel's own word for whom root inside is outside; then whether the volume is this root's, and was there before.
const WHO: &str = r#"["/bin/sh", "-c", "while read line; do echo map $line; done < /proc/self/uid_map; [ -e /data/mark ] && echo kept; echo x > /data/mark && [ -O /data/mark ] && [ -O / ] && echo owns; exec sleep infinity"]"#;

fn root_inside_is_nobody_outside(context: &Context) -> Result<()> {
    let workload = |name: &str, more: &str| format!("[workloads.{name}]\nimage = \"{{image}}\"\ncommand = {WHO}\n{more}\n");
    let settings = workload("one", "volumes = [\"one:/data\", \"pool:/pool:shared\"]")
        + &workload("two", "volumes = [\"two:/data\", \"pool:/pool:ro,shared\"]")
        + &workload("plain", "volumes = [\"plain:/data\"]\nuser-namespace = false");
    let mut node = node_with(context, &settings)?;
    let before = facts_of_all(&mut node, 1)?;
    let [one, two, plain] = &before[..] else { unreachable!("three were asked for") };
    ensure!(one.level != two.level && one.level != plain.level && two.level != plain.level, "{before:?}");
    let (Some(first), Some(second)) = (one.ids, two.ids) else { anyhow::bail!("no ids of their own: {before:?}") };
    ensure!(first.first.abs_diff(second.first) >= first.size && first.first >= first.size && plain.ids.is_none(), "{before:?}");
    tells_what_a_plan_costs(&node)?;

    node.reboots()?;
    let after = facts_of_all(&mut node, 2)?;
    ensure!(after == before, "another level or other ids after a restart: {before:?} then {after:?}");
    for name in ["one", "two", "plain"] {
        ensure!(said(&node, name)?.iter().any(|line| line == "kept"), "{name}: its volume is empty after a restart");
    }
    Ok(())
}

/// What the API says about each workload, once each has said `times` times that it is as the API says.
fn facts_of_all(node: &mut Node, times: usize) -> Result<Vec<WorkloadIsolation>> {
    ["one", "two", "plain"].into_iter().map(|name| facts_of(node, name, times)).collect()
}

fn facts_of(node: &mut Node, name: &str, times: usize) -> Result<WorkloadIsolation> {
    node.runs(name)?;
    node.eventually("it says whose its files are", within(60), |node| {
        let facts = node.workload(name)?.isolation.context("the API tells nothing about its isolation")?;
        let lines = said(node, name)?;
        let map = match facts.ids {
            Some(ids) => format!("map 0 {} {}", ids.first, ids.size),
            None => format!("map 0 0 {}", u32::MAX),
        };
        let count = |wanted: &str| lines.iter().filter(|line| *line == wanted).count();
        ensure!(count(&map) == times && count("owns") == times, "{name} is not {facts:?} in the words of the kernel: {lines:?}");
        Ok(facts)
    })
}

fn said(node: &Node, name: &str) -> Result<Vec<String>> {
    Ok(node.log_of(&format!("workload/{name}"))?.into_iter().map(|line| line.text).collect())
}

fn tells_what_a_plan_costs(node: &Node) -> Result<()> {
    let settings = json!({ "workloads": { "one": { "user-namespace": false } } });
    let plan = node.client()?.plan(&PlanRequest { settings: Some(settings), unset: Vec::new() })?;
    let notes = &plan.workloads.first().context("no workload in the plan")?.notes;
    for wanted in ["uid 0 inside is uid 0 on the node", "shares the volume pool with two"] {
        ensure!(notes.iter().any(|note| note == wanted), "the plan does not say {wanted:?}: {plan:?}");
    }
    let unshared = json!({ "workloads": { "two": { "volumes": ["one:/stolen"] } } });
    ensure!(node.set(unshared).is_err(), "a workload takes another's volume by naming it");
    for domain in ["control", "super"] {
        let wider = json!({ "workloads": { "two": { "selinux": domain } } });
        ensure!(
            node.set(wider).is_err_and(|error| format!("{error:#}").contains("host and bootstrap containers")),
            "a workload gets {domain}"
        );
    }
    Ok(())
}

/// Each try says so; one that works says FAILED. Files that are not there cannot be read either.
const REACH: &str = r#"["/bin/sh", "-c", "
for file in /proc/kcore /proc/keys /proc/timer_list /proc/sched_debug /proc/latency_stats; do
  echo tried read $file; [ \"$(head -c 1 $file 2>/dev/null | wc -c)\" = 0 ] || echo FAILED read $file; done
for folder in /proc/acpi /proc/scsi /sys/firmware /sys/devices/virtual/powercap; do
  echo tried list $folder; for entry in $folder/*; do [ -e \"$entry\" ] && echo FAILED list $entry; done; done
for file in /proc/sys/kernel/core_pattern /proc/sys/kernel/modprobe /proc/sysrq-trigger /proc/sys/vm/drop_caches /sys/kernel/uevent_helper /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/pids.max; do
  echo tried write $file; (echo 1 > $file) 2>/dev/null && echo FAILED write $file; done
echo tried device; mknod /tmp/disk b 254 0 2>/dev/null; [ \"$(head -c 1 /tmp/disk 2>/dev/null | wc -c)\" = 0 ] || echo FAILED device
echo done; exec sleep infinity"]"#;

fn the_kernels_files_are_out_of_reach(context: &Context) -> Result<()> {
    // A line feed as TOML writes it: the shell needs them.
    let reach = REACH.replace('\n', "\\n");
    let settings = format!(
        "[workloads.own]\nimage = \"{{image}}\"\ncommand = {reach}\n[workloads.plain]\nimage = \"{{image}}\"\ncommand = {reach}\nuser-namespace = false\n"
    );
    let mut node = node_with(context, &settings)?;
    for name in ["own", "plain"] {
        node.runs(name)?;
        let lines = node.eventually("it has tried", within(60), |node| {
            let lines = said(node, name)?;
            ensure!(lines.iter().any(|line| line == "done"), "{lines:?}");
            Ok(lines)
        })?;
        let failed: Vec<_> = lines.iter().filter(|line| line.starts_with("FAILED")).collect();
        ensure!(failed.is_empty(), "{name}: {failed:?}");
        ensure!(lines.iter().filter(|line| line.starts_with("tried")).count() == 17, "{name} did not try all: {lines:?}");
    }
    Ok(())
}

fn denials_are_told(context: &Context) -> Result<()> {
    let mut node = context.node_with_probe()?.with_settings("motd = \"probe-boxed\"").start()?;
    node.boots()?;
    node.eventually("the denial is told", within(150), |node| {
        let list = node.client()?.denials()?;
        let told = list.denials.iter().find(|denial| denial.class == "system_call" && denial.process == "probe");
        let told = told.with_context(|| format!("not among {list:?}"))?;
        ensure!(told.count >= 1 && told.pid.is_some() && told.rule.starts_with("system call "), "{told:?}");
        Ok(())
    })
}
