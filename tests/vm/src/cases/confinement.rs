//! Mandatory access control: in force, a domain for each program, and nothing refused where nothing is wrong.

use std::{collections::BTreeSet, thread, time::Duration};

use anyhow::{Context as _, Result, ensure};

use super::{attacks::report_of, escapes::is_of};
use crate::{context::Context, framework::within, runner::Case};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "each_program_runs_in_its_own_domain",
        about: "SELinux is enforced, each process has the domain of its program, and no service loads a policy or becomes another",
        limit: within(300),
        soak: false,
        run: each_program_runs_in_its_own_domain,
    },
    Case {
        name: "a_spec_gets_no_other_domain",
        about: "an engine that was taken over starts containers as container_t and as nothing else, whatever their specs ask for, and each try is on record",
        limit: within(300),
        soak: false,
        run: a_spec_gets_no_other_domain,
    },
    Case {
        name: "categories_keep_workloads_apart",
        about: "of two containers of one user that see each other's process numbers, one neither reads, writes nor lists the other's volume, which Unix opens to everybody, nor looks into its process or ends it",
        limit: within(300),
        soak: false,
        run: categories_keep_workloads_apart,
    },
    Case {
        name: "nothing_is_refused_to_a_busy_node",
        about: "a boot, workloads and changes of settings without one denial",
        limit: within(420),
        soak: false,
        run: nothing_is_refused_to_a_busy_node,
    },
];

/// What runs on a node, by the name of its program, and the type it must have. Some end early, and may not be seen.
const DOMAINS: &[(&str, &str)] = &[
    ("init", "init_t"),
    ("clock", "clock_t"),
    ("modload", "modload_t"),
    ("logd", "logd_t"),
    ("apid", "apid_t"),
    ("netd", "netd_t"),
    ("netd-parser", "netd_parser_t"),
    ("ntp-daemon", "ntpd_t"),
    ("containerd", "containerd_t"),
    ("containerd-shim-runc-v2", "shim_t"),
    ("runc", "runc_t"),
    ("hostd", "hostd_t"),
    ("probe", "probe_t"),
    // Plays an engine that was taken over.
    ("probe-engine", "containerd_t"),
    ("updated", "updated_t"),
    ("update-fetcher", "update_fetcher_t"),
    ("storage", "storage_t"),
    ("provisioner", "provision_t"),
    ("kernel-settings", "kernel_settings_t"),
    ("boot-parameters", "boot_parameters_t"),
    ("metricd", "metricd_t"),
];

fn each_program_runs_in_its_own_domain(context: &Context) -> Result<()> {
    let mut node = context.node_with_probe()?.with_settings("motd = \"probe-labels\"").start()?;
    node.boots()?;
    let lines = report_of(&mut node, "labels")?;
    ensure!(lines.iter().any(|line| line == "PROBE enforcing"), "{lines:#?}");
    for tried in ["load-policy", "lenient", "become init_t", "become apid_t", "become kernel_t", "become super_t"].into_iter().chain([
        "start as apid_t",
        "start as container_t",
        "reach containerd",
        "open the disk",
        "make what it wrote a program",
    ]) {
        ensure!(lines.iter().any(|line| line.starts_with(&format!("PROBE {tried}:"))), "{tried} was not tried: {lines:#?}");
    }
    let mut seen = BTreeSet::new();
    for line in lines.iter().filter_map(|line| line.strip_prefix("PROBE runs ")) {
        let (program, label) = line.split_once(' ').with_context(|| format!("no label: {line}"))?;
        let (_, wanted) = DOMAINS.iter().find(|(known, _)| *known == program).with_context(|| format!("{program} is not in the table"))?;
        ensure!(label.split(':').nth(2) == Some(wanted), "{program} runs as {label} and not as {wanted}");
        seen.insert(*wanted);
    }
    for always in ["init_t", "logd_t", "apid_t", "netd_t", "netd_parser_t", "containerd_t", "hostd_t", "probe_t"] {
        ensure!(seen.contains(always), "nothing runs as {always}: {seen:?}");
    }
    let denials = node.client()?.denials()?.denials;
    let told = |class: &str, permission: &str| {
        denials.iter().any(|denial| denial.class == class && denial.permissions.iter().any(|p| p == permission))
    };
    for (class, permission) in [("file", "relabelfrom"), ("blk_file", "read"), ("unix_stream_socket", "connectto")] {
        ensure!(told(class, permission), "no record of {class} {permission}: {denials:#?}");
    }
    Ok(())
}

fn a_spec_gets_no_other_domain(context: &Context) -> Result<()> {
    let mut node = context.node_with_probe()?.with_settings("motd = \"probe-engine\"").start()?;
    node.boots()?;
    let lines = node.says("probe-engine", "PROBE engine done", within(180))?;
    let end = |domain: &str| lines.iter().find_map(|line| line.strip_prefix(&format!("PROBE asked for {domain}: "))).unwrap_or_default();
    let known = end("container_t");
    ensure!(known.starts_with("started: INSIDE system_u:system_r:container_t:s0:c1000,c1001"), "its own kind proves nothing: {lines:#?}");
    let denials = node.client()?.denials()?.denials;
    for domain in ["init_t", "apid_t", "hostd_t", "containerd_t", "kernel_t", "control_t", "super_t", "modload_t"] {
        ensure!(end(domain).starts_with("refused: ") && end(domain).contains("exec /program"), "{domain}: {lines:#?}");
        ensure!(denials.iter().any(|denial| is_of(denial, "runc_t", domain)), "no record of {domain}: {denials:#?}");
    }
    Ok(())
}

/// What the attacker tries on a folder, and on a process.
const ON_VOLUMES: [&str; 4] = ["reads", "writes", "makes a file in", "lists"];
const ON_PROCESSES: [&str; 2] = ["looks into", "signals"];

fn categories_keep_workloads_apart(context: &Context) -> Result<()> {
    let mut node = context.node_with_probe()?.with_settings("motd = \"probe-engine\"").start()?;
    node.boots()?;
    let lines = node.says("probe-engine", "PROBE engine done", within(180))?;
    let end = |what: &str, whom: &str| {
        lines.iter().find_map(|line| line.strip_prefix(&format!("PROBE INSIDE {what} {whom}: "))).unwrap_or_default()
    };
    for what in ON_VOLUMES {
        for own in ["mine", "shared"] {
            ensure!(end(what, own) == "ok", "{what} {own}, so its failures prove nothing: {lines:#?}");
        }
        ensure!(end(what, "theirs").contains("Permission denied"), "{what} its neighbour's: {lines:#?}");
    }
    for what in ON_PROCESSES {
        ensure!(end(what, "twin") == "ok", "{what} a process of its own, so its failures prove nothing: {lines:#?}");
        ensure!(is_refusal(end(what, "victim")), "{what} its neighbour: {lines:#?}");
    }
    // The kernel's log comes on another way than the engine's words.
    node.eventually("both are on record", within(60), |node| {
        let denials = node.client()?.denials()?.denials;
        let told = |class: &str| denials.iter().any(|denial| denial.class == class && denial.domain.as_deref() == Some("container_t"));
        ensure!(told("dir") && told("process"), "no record: {denials:#?}");
        Ok(())
    })
}

/// A process of another's is refused, or there is none to be seen.
fn is_refusal(end: &str) -> bool {
    ["Permission denied", "Operation not permitted", "No such file or directory"].iter().any(|refusal| end.contains(refusal))
}

fn nothing_is_refused_to_a_busy_node(context: &Context) -> Result<()> {
    let registry = context.registry()?;
    let image = registry.image("redis")?;
    let settings = format!("[workloads.one]\nimage = \"{image}\"\n[workloads.two]\nimage = \"{image}\"\nuser-namespace = false\n");
    let mut node = context.node().trusting_registry(&registry.address()).with_settings(&settings).start()?;
    node.boots()?;
    for name in ["one", "two"] {
        node.runs(name)?;
    }
    node.set(serde_json::json!({ "motd": "busy", "kernel": { "sysctl": { "net.core.somaxconn": "1024" } } }))?;
    // What is refused late, such as a service's regular work, is refused by now.
    thread::sleep(Duration::from_secs(15));
    let list = node.client()?.denials()?;
    ensure!(list.denials.is_empty(), "{:#?}", list.denials);
    Ok(())
}
