//! The control-group tree: `/system/NAME` for services; the container runtime keeps its own beside it.

use crate::console::note;
use ampoule_supervise::service::{Kill, ServiceFile};
use rustix::fs::{Mode, OFlags};
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

const ROOT: &str = "/sys/fs/cgroup";
/// Controllers handed to services and containers.
const CONTROLLERS: &str = "+cpu +cpuset +io +memory +pids";

/// Makes the group of all services and turns the controllers on.
pub(crate) fn make_tree() {
    note("Control-group controllers", fs::write(format!("{ROOT}/cgroup.subtree_control"), CONTROLLERS));
    note("Control group of services", fs::create_dir_all(format!("{ROOT}/system")));
    note("Its controllers", fs::write(format!("{ROOT}/system/cgroup.subtree_control"), CONTROLLERS));
}

/// Makes a service's group with its limits and returns its `cgroup.procs`.
///
/// # Errors
/// The group cannot be made. A limit that cannot be set is an error too: a service never runs wider than its file says.
pub(crate) fn prepare(name: &str, file: &ServiceFile) -> io::Result<OwnedFd> {
    let limits = &file.limits;
    let group = path(name);
    fs::create_dir_all(&group)?;
    let memory = limits.memory.map_or("max".to_owned(), |m| m.0.to_string());
    fs::write(group.join("memory.max"), memory)?;
    // The others have what the kernel gives a new group.
    if let Some(weight) = limits.cpu_weight {
        fs::write(group.join("cpu.weight"), weight.to_string())?;
    }
    fs::write(group.join("pids.max"), limits.pids.map_or("max".to_owned(), |p| p.to_string()))?;
    // A service over its memory dies whole, so that it is started whole; not so one whose children shall outlive it.
    let dies_whole = file.stop.kill == Kill::Cgroup;
    fs::write(group.join("memory.oom.group"), if dies_whole { "1" } else { "0" })?;
    let procs = rustix::fs::open(group.join("cgroup.procs"), OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    Ok(procs)
}

/// Kills every process of a service.
pub(crate) fn kill(name: &str) -> io::Result<()> {
    fs::write(path(name).join("cgroup.kill"), "1")
}

/// The service a process belongs to, by its control group.
pub(crate) fn service_of(pid: u32) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    let group = text.lines().find_map(|l| l.strip_prefix("0::/system/"))?;
    group.split('/').next().map(str::to_owned)
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(ROOT).join("system").join(name)
}
