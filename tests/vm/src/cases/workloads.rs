//! Workloads follow their settings, and only theirs; they come back when they die, but not in a frenzy.

use std::time::Duration;

use ampoule_api_types::v1::WorkloadState;
use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use crate::{
    context::Context,
    framework::{Node, within},
    runner::Case,
};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "a_change_leaves_others_alone",
        about: "changing, adding and removing one workload leaves the other's process running",
        limit: within(600),
        soak: false,
        run: a_change_leaves_others_alone,
    },
    Case {
        name: "changes_while_it_starts_harm_nothing",
        about: "a workload whose settings change again and again, at every point of its start, runs with the last of them, and nothing half made is in the way of a start",
        limit: within(600),
        soak: false,
        run: changes_while_it_starts_harm_nothing,
    },
    Case {
        name: "a_limit_that_changed_stays_changed",
        about: "a limit of the disk that changes around a living process is also that of the process that comes after it",
        limit: within(480),
        soak: false,
        run: a_limit_that_changed_stays_changed,
    },
    Case {
        name: "a_container_that_was_left_half_made_is_taken_away",
        about: "what a killed runc leaves of a workload, its folder and a process that waits to be started, is taken away, and the workload runs",
        limit: within(480),
        soak: false,
        run: a_container_that_was_left_half_made_is_taken_away,
    },
    Case {
        name: "a_crash_loop_backs_off",
        about: "a workload that dies at once is started ever more slowly, its exit code and output are told, and one that ends well is left alone",
        limit: within(480),
        soak: false,
        run: a_crash_loop_backs_off,
    },
    Case {
        name: "limits_hold",
        about: "a workload that takes more memory than it may is ended, and the node does not notice; one with `cpus` gets that share of a processor from the kernel",
        limit: within(480),
        soak: false,
        run: limits_hold,
    },
];

/// A node with the registry's image of a shell and small programs known under `{image}` in `settings`.
pub(super) fn node_with(context: &Context, settings: &str) -> Result<Node> {
    let registry = context.registry()?;
    let image = registry.image("shell")?;
    let mut node = context.node().trusting_registry(&registry.address()).with_settings(&settings.replace("{image}", &image)).start()?;
    node.boots()?;
    Ok(node)
}

fn a_change_leaves_others_alone(context: &Context) -> Result<()> {
    let mut node = node_with(
        context,
        "[workloads.steady]\nimage = \"{image}\"\ncommand = [\"/bin/sleep\", \"infinity\"]\n\
         [workloads.moving]\nimage = \"{image}\"\ncommand = [\"/bin/sleep\", \"infinity\"]\n",
    )?;
    let steady = node.runs("steady")?.pid;
    let moving = node.runs("moving")?.pid;
    ensure!(steady.is_some() && moving.is_some(), "the API tells no process ids");

    node.set(json!({ "workloads": { "moving": { "env": { "ROUND": "2" } } } }))?;
    node.eventually("the changed workload runs anew", within(90), |node| {
        let facts = node.workload("moving")?;
        ensure!(facts.state == WorkloadState::Running && facts.pid != moving, "{facts:?}");
        Ok(())
    })?;
    ensure!(node.workload("steady")?.pid == steady, "the other was touched");

    node.set(json!({ "workloads": { "moving": { "enabled": false } } }))?;
    node.workload_gets("moving", WorkloadState::Disabled, within(60))?;
    ensure!(node.workload("steady")?.pid == steady, "the other was touched");

    node.set(json!({ "motd": "nothing to do with workloads" }))?;
    ensure!(node.workload("steady")?.pid == steady, "the other was touched");
    Ok(())
}

/// Milliseconds between two changes: some meet the container while it is made, some its process while it is started, on any machine.
const BETWEEN_CHANGES: [u64; 16] = [3000, 400, 700, 1000, 1300, 1600, 1900, 2200, 2500, 2800, 3100, 3400, 3700, 4000, 4500, 5000];

fn changes_while_it_starts_harm_nothing(context: &Context) -> Result<()> {
    let settings = "[workloads.moving]\nimage = \"{image}\"\ncommand = [\"/bin/sh\", \"-c\", \"trap 'exit 0' TERM; echo this is $ROUND; sleep infinity & wait\"]\nenv = { ROUND = \"first\" }\n";
    let mut node = node_with(context, settings)?;
    node.runs("moving")?;
    for (round, pause) in BETWEEN_CHANGES.into_iter().enumerate() {
        node.set(json!({ "workloads": { "moving": { "env": { "ROUND": format!("round {round}") } } } }))?;
        std::thread::sleep(Duration::from_millis(pause));
    }
    node.set(json!({ "workloads": { "moving": { "env": { "ROUND": "last" } } } }))?;
    node.eventually("it runs with the last settings", within(120), |node| {
        let lines = node.log_of("workload/moving")?;
        ensure!(lines.iter().any(|line| line.text == "this is last"), "{lines:?}");
        Ok(())
    })?;
    // Not any failure: when a container follows another of its name at once, the engine may take the folder of the new one away with the old shim, and
    // the next try, a second later, succeeds.
    let lines = node.log_of("hostd")?;
    let in_the_way = lines.iter().filter(|line| line.text.contains("not started") && line.text.contains("exists")).collect::<Vec<_>>();
    ensure!(in_the_way.is_empty(), "{in_the_way:#?}");
    Ok(())
}

fn a_limit_that_changed_stays_changed(context: &Context) -> Result<()> {
    let settings = "[workloads.brief]\nimage = \"{image}\"\ndisk = \"100MiB\"\ncommand = [\"/bin/sh\", \"-c\", \"sleep 20\"]\n";
    let mut node = node_with(context, settings)?;
    let first = node.runs("brief")?;
    node.set(json!({ "workloads": { "brief": { "disk": "200MiB" } } }))?;
    node.eventually("another process runs", within(120), |node| {
        let now = node.workload("brief")?;
        ensure!(now.state == WorkloadState::Running && now.pid != first.pid, "{now:?}");
        Ok(())
    })?;
    let limit = node.workload("brief")?.disk.context("no limit is told")?.limit;
    ensure!(limit == 200 << 20, "the limit is {limit} bytes");
    Ok(())
}

fn a_container_that_was_left_half_made_is_taken_away(context: &Context) -> Result<()> {
    let registry = context.registry()?;
    let image = registry.image("shell")?;
    let mut node = context.node_with_probe()?.trusting_registry(&registry.address()).with_settings("motd = \"probe-half\"").start()?;
    node.boots()?;
    node.eventually("a container is left half made", within(120), |node| {
        let lines = node.log_of("probe-engine")?;
        ensure!(lines.iter().any(|line| line.text.contains("half is half made")), "{lines:?}");
        Ok(())
    })?;
    node.set(json!({ "workloads": { "half": { "image": image, "command": ["/bin/sleep", "infinity"] } } }))?;
    node.runs("half")?;
    let lines = node.log_of("hostd")?;
    ensure!(
        lines.iter().any(|line| line.text.contains("what it left is taken away")),
        "hostd found nothing, so this proves nothing: {lines:#?}"
    );
    ensure!(!lines.iter().any(|line| line.text.contains("already exists")), "it was in the way: {lines:#?}");
    Ok(())
}

fn a_crash_loop_backs_off(context: &Context) -> Result<()> {
    let mut node = node_with(
        context,
        "[workloads.doomed]\nimage = \"{image}\"\ncommand = [\"/bin/sh\", \"-c\", \"echo farewell; exit 3\"]\n\
         [workloads.once]\nimage = \"{image}\"\ncommand = [\"/bin/true\"]\nrestart = \"on-failure\"\n",
    )?;
    let doomed = node.workload_gets("doomed", WorkloadState::BackingOff, within(300))?;
    ensure!(doomed.exit_code == Some(3), "{doomed:?}");
    node.eventually("it was started three times", within(120), |node| {
        let facts = node.workload("doomed")?;
        ensure!(facts.restarts >= 3, "{facts:?}");
        Ok(())
    })?;
    let lines = node.log_of("workload/doomed")?;
    ensure!(lines.iter().any(|line| line.text == "farewell"), "its last words are lost: {lines:?}");

    let before = node.workload("doomed")?.restarts;
    std::thread::sleep(within(20));
    let more = node.workload("doomed")?.restarts - before;
    ensure!(more <= 8, "{more} starts within 20 s are a frenzy");

    let once = node.workload_gets("once", WorkloadState::Stopped, within(60))?;
    ensure!(once.restarts == 0 && once.exit_code == Some(0), "{once:?}");
    Ok(())
}

fn limits_hold(context: &Context) -> Result<()> {
    let mut node = node_with(
        context,
        "[workloads.greedy]\nimage = \"{image}\"\nmemory = \"32MiB\"\nrestart = \"never\"\n\
         command = [\"/bin/sh\", \"-c\", \"tail /dev/zero\"]\n\
         [workloads.half]\nimage = \"{image}\"\ncpus = 0.5\n\
         command = [\"/bin/sh\", \"-c\", \"head -n 1 /sys/fs/cgroup/cpu.max; exec sleep infinity\"]\n",
    )?;
    let greedy = node.eventually("the greedy workload is ended", within(300), |node| {
        let facts = node.workload("greedy")?;
        let ended = [WorkloadState::Failed, WorkloadState::Stopped].contains(&facts.state);
        ensure!(ended, "{facts:?}");
        Ok(facts)
    })?;
    ensure!(greedy.exit_code != Some(0), "{greedy:?}");
    // Microseconds of each 100 000 (Documentation/admin-guide/cgroup-v2.rst).
    node.says("workload/half", "50000 100000", within(120))?;
    node.boots().map(drop)
}
