//! Files through which the kernel and control groups are ordered about.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rustix::mount::{MountFlags, mount};

use crate::{
    Attempt,
    outcome::{Outcome, judged, worst},
};

pub(crate) const ATTEMPTS: &[Attempt] = &[
    ("release-agent", release_agent),
    ("cgroup-v2-write", cgroup_write),
    ("cgroup-parent-procs", cgroup_parent),
    ("core-pattern", || rewrite("/proc/sys/kernel/core_pattern")),
    ("modprobe-path", || rewrite("/proc/sys/kernel/modprobe")),
    ("binfmt-misc", || judged(File::options().write(true).open("/proc/sys/fs/binfmt_misc/register"), "its own interpreter for the node")),
    ("sysctl-vm", || rewrite("/proc/sys/vm/overcommit_memory")),
    ("sysctl-kernel", || rewrite("/proc/sys/kernel/yama/ptrace_scope")),
    ("sysctl-net", || rewrite("/proc/sys/net/ipv4/ip_forward")),
    ("uevent-helper", || rewrite("/sys/kernel/uevent_helper")),
    ("sysrq", || judged(File::options().write(true).open("/proc/sysrq-trigger"), "the emergency keys")),
    ("oom-score-down", oom_score),
    ("masked-proc", masked),
    ("sys-writes", sys_writes),
    ("selinux-load", || write_any(&["/sys/fs/selinux/load", "/sys/fs/selinux/enforce", "/sys/fs/selinux/disable"])),
    ("debugfs", debugfs),
    ("irq-affinity", || rewrite("/proc/irq/default_smp_affinity")),
    ("pci-reset", || write_any(&["/sys/bus/pci/rescan", "/sys/bus/pci/drivers_probe"])),
];

/// Writes what is there already: needs the right, changes nothing.
fn rewrite(path: &str) -> Outcome {
    judged(fs::read(path).and_then(|bytes| File::options().write(true).open(path)?.write_all(&bytes)), &format!("wrote {path}"))
}

fn write_any(paths: &[&str]) -> Outcome {
    worst(paths.iter().map(|path| judged(File::options().write(true).open(path), &format!("opened {path} for writing"))))
}

/// The notorious one: a program that the kernel runs on the node when a group of the first version gets empty.
fn release_agent() -> Outcome {
    let there = Path::new("/escape-cgroup");
    let _ = fs::create_dir(there);
    let mounted = mount("cgroup", there, "cgroup", MountFlags::empty(), Some(c"memory")).map_err(io::Error::from);
    let old = mounted.and_then(|()| File::options().write(true).open(there.join("release_agent")));
    let found = find(Path::new("/sys/fs/cgroup"), "release_agent");
    worst(
        found
            .iter()
            .map(|path| judged(File::options().write(true).open(path), "a release agent"))
            .chain([judged(old, "a hierarchy of version 1")]),
    )
}

fn find(folder: &Path, name: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path().join(name))
        .filter(|path| path.exists())
        .chain(Some(folder.join(name)).filter(|path| path.exists()))
        .collect()
}

fn cgroup_write() -> Outcome {
    let files = ["cgroup.procs", "memory.max", "pids.max", "cgroup.subtree_control", "cgroup.freeze"];
    let paths: Vec<String> = files.iter().map(|file| format!("/sys/fs/cgroup/{file}")).collect();
    let there = Path::new("/escape-cgroup2");
    let _ = fs::create_dir(there);
    let mounted = mount("cgroup2", there, "cgroup2", MountFlags::empty(), None).map_err(io::Error::from);
    let new_group = mounted.and_then(|()| fs::create_dir(there.join("mine")));
    let old: Vec<&str> = paths.iter().map(String::as_str).collect();
    worst([
        judged(new_group, "a control group of its own"),
        write_any(&old),
        judged(fs::create_dir("/sys/fs/cgroup/mine"), "a group below"),
    ])
}

/// Its limits hold for the group it is in; so it moves out.
fn cgroup_parent() -> Outcome {
    let into = |path: &str| File::options().write(true).open(path).and_then(|mut file| file.write_all(b"0"));
    let ups = ["/sys/fs/cgroup/../cgroup.procs", "/sys/fs/cgroup/cgroup.procs", concat!("/proc/1/root", "/sys/fs/cgroup/cgroup.procs")];
    worst(ups.iter().map(|path| judged(into(path), &format!("moved itself by {path}"))))
}

/// A workload that the kernel spares when memory ends would make it end others.
fn oom_score() -> Outcome {
    judged(fs::write("/proc/self/oom_score_adj", "-1000"), "is never ended for lack of memory")
}

const MASKED: [&str; 9] = [
    "/proc/kcore",
    "/proc/keys",
    "/proc/timer_list",
    "/proc/interrupts",
    "/proc/sched_debug",
    "/proc/latency_stats",
    "/proc/kpagecount",
    "/proc/kmsg",
    "/proc/kallsyms",
];

fn masked() -> Outcome {
    let leaks: Vec<&str> = MASKED.into_iter().filter(|path| says_something(path)).collect();
    let folders: Vec<&str> = ["/sys/firmware", "/proc/acpi", "/proc/scsi"]
        .into_iter()
        .filter(|path| fs::read_dir(path).is_ok_and(|mut all| all.next().is_some()))
        .collect();
    if leaks.is_empty() && folders.is_empty() {
        return Outcome::Impossible(format!("{} masked files are empty or absent", MASKED.len()));
    }
    Outcome::Succeeded(format!("read {leaks:?} {folders:?}"))
}

/// Addresses of the kernel may be listed as zeros: then they say nothing.
fn says_something(path: &str) -> bool {
    let mut buffer = [0; 256];
    let read = File::options().read(true).custom(path).and_then(|mut file| file.read(&mut buffer));
    let text = &buffer[..read.unwrap_or_default()];
    let zeros = path.ends_with("kallsyms") && text.starts_with(b"0000000000000000 ");
    !text.is_empty() && !zeros
}

/// `/proc/kmsg` waits for the next line when all were read.
trait NonBlocking {
    fn custom(&mut self, path: &str) -> io::Result<File>;
}

impl NonBlocking for fs::OpenOptions {
    fn custom(&mut self, path: &str) -> io::Result<File> {
        use std::os::unix::fs::OpenOptionsExt as _;
        self.custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32).open(path)
    }
}

/// The files below /sys, five folders deep.
fn sys_writes() -> Outcome {
    let (mut tried, start) = (0, Instant::now());
    let opened = walk(Path::new("/sys"), 4, &mut |path| {
        // A slow machine gets through a part: all lie in one read-only mount.
        if start.elapsed() > Duration::from_secs(6) {
            return false;
        }
        tried += 1;
        File::options().write(true).open(path).is_ok()
    });
    match opened {
        Some(path) => Outcome::Succeeded(format!("{} can be written", path.display())),
        None => Outcome::Impossible(format!("none of {tried} files below /sys opens for writing")),
    }
}

fn walk(folder: &Path, deep: u8, try_it: &mut impl FnMut(&Path) -> bool) -> Option<PathBuf> {
    for entry in fs::read_dir(folder).ok()?.flatten() {
        let kind = entry.file_type().ok()?;
        let found = match (kind.is_dir(), kind.is_file()) {
            (true, _) if deep > 0 => walk(&entry.path(), deep - 1, try_it),
            (_, true) if try_it(&entry.path()) => Some(entry.path()),
            _ => None,
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

fn debugfs() -> Outcome {
    let there = Path::new("/escape-debug");
    let _ = fs::create_dir(there);
    worst(
        ["debugfs", "tracefs", "securityfs", "bpf", "configfs", "efivarfs"]
            .map(|kind| judged(mount(kind, there, kind, MountFlags::empty(), None), kind)),
    )
}
