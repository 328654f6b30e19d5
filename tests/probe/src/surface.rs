//! What a stranger could attack, counted: beside another system (`./ampoule bench surface`).

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use crate::{daemons, listeners, report::Report};

/// An emulated node needs a while until its container runs, and with it the engine's other processes.
const LIMIT: Duration = Duration::from_secs(120);

/// A process of the node itself.
struct Process {
    root: bool,
    filtered: bool,
}

pub(crate) fn count(report: &mut Report) {
    let start = Instant::now();
    while daemons::process_of("containerd-shim").is_none() && start.elapsed() < LIMIT {
        thread::sleep(Duration::from_secs(1));
    }
    // What only starts up ends.
    thread::sleep(Duration::from_secs(20));
    let all: Vec<Process> = fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| process(&entry.path())).collect();
    let count = |which: fn(&&Process) -> bool| all.iter().filter(which).count();
    for (name, value) in [
        ("processes", all.len()),
        ("root", count(|process| process.root)),
        ("filtered", count(|process| process.filtered)),
        ("modules", fs::read_to_string("/proc/modules").unwrap_or_default().lines().count()),
    ] {
        report.ok(&format!("surface {name} {value}"));
    }
    for port in listeners::all() {
        report.ok(&format!("surface listening {port}"));
    }
}

/// One that is neither a thread of the kernel, nor in a container, nor of this program's service.
fn process(folder: &std::path::Path) -> Option<Process> {
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
    folder.file_name()?.to_str()?.parse::<u32>().ok()?;
    let (status, group) = (read("status"), read("cgroup"));
    let is_ours = group.trim() == "0::/" || group.starts_with("0::/system/") && !group.starts_with("0::/system/probe");
    if !is_ours || read("cmdline").is_empty() {
        return None;
    }
    let value = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().split_whitespace().next();
    Some(Process { root: value("Uid:") == Some("0"), filtered: value("Seccomp:") == Some("2") })
}
