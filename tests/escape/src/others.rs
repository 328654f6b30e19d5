//! Processes and sockets of the node and of other workloads.

use std::{
    fs, io,
    os::{
        fd::{AsFd, OwnedFd},
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr, UnixStream},
    },
    process::Command,
};

use ampoule_sys::refused::{Call, attempt};
use rustix::process::{Pid, PidfdFlags, pidfd_open, test_kill_process};

use crate::{
    Attempt,
    outcome::{Outcome, judged, worst},
};

pub(crate) const ATTEMPTS: &[Attempt] = &[
    ("foreign-processes", foreign_processes),
    ("signals", signals),
    ("ptrace", || each_foreign(|pid| attempt(Call::Seize(pid)).map(drop), "attached to")),
    ("process-vm-readv", || each_foreign(|pid| attempt(Call::ReadMemory(pid)).map(drop), "read memory of")),
    ("pidfd-getfd", || each_foreign(take_descriptor, "took a descriptor of")),
    ("api-socket", api_sockets),
    ("containerd-socket", || {
        connect_any(&["/run/containerd/containerd.sock", "/run/containerd/containerd.sock.ttrpc", "/var/run/docker.sock"])
    }),
    ("init-socket", || connect_any(&["/run/ampoule/init.sock", "/run/ampoule/notify.sock", "/run/systemd/notify"])),
    ("abstract-sockets", abstract_sockets),
    ("sysv-shared-memory", shared_memory),
    ("setuid-in-volume", setuid_in_volume),
    ("execute-in-volume", || execute("/volume/program", 0o755)),
    ("domain-init", || start_as("init_t")),
    ("domain-apid", || start_as("apid_t")),
    ("domain-control", || start_as("control_t")),
    ("domain-super", || start_as("super_t")),
];

/// Numbers of processes that are not listed in this namespace's /proc, to far above what a node has.
fn foreign() -> impl Iterator<Item = i32> {
    (1..4000).filter(|pid| fs::metadata(format!("/proc/{pid}")).is_err())
}

fn foreign_processes() -> Outcome {
    let names =
        fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| fs::read_to_string(entry.path().join("comm")).ok());
    let (own, others): (Vec<String>, Vec<String>) =
        names.map(|name| name.trim().to_owned()).partition(|name| name == "escape" || name == "exe");
    if others.is_empty() {
        Outcome::Impossible(format!("{} processes, all its own", own.len()))
    } else {
        Outcome::Succeeded(format!("saw {others:?}"))
    }
}

fn each_foreign(what: impl Fn(i32) -> io::Result<()>, words: &str) -> Outcome {
    worst(foreign().map(|pid| judged(what(pid), &format!("{words} {pid}"))))
}

fn signals() -> Outcome {
    let asked = |pid: i32| -> io::Result<()> { Ok(test_kill_process(Pid::from_raw(pid).ok_or(io::ErrorKind::NotFound)?)?) };
    // Threads have numbers without an entry in the list: those of this process answer for themselves.
    let own = |pid: i32| fs::metadata(format!("/proc/self/task/{pid}")).is_ok();
    worst(foreign().filter(|pid| !own(*pid)).map(|pid| judged(asked(pid), &format!("signalled {pid}"))))
}

fn take_descriptor(pid: i32) -> io::Result<()> {
    let process: OwnedFd = pidfd_open(Pid::from_raw(pid).ok_or(io::ErrorKind::NotFound)?, PidfdFlags::empty())?;
    attempt(Call::TakeDescriptor(process.as_fd())).map(drop)
}

fn api_sockets() -> Outcome {
    connect_any(&[
        "/run/api.sock",
        "/run/ampoule/notify.sock",
        "/run/ampoule/apid/api.sock",
        "/run/ampoule/hostd/status",
        "/run/ampoule/netd/status",
        "/run/ampoule/logd/query.sock",
        "/run/ampoule/logd/ingest.sock",
    ])
}

fn connect_any(paths: &[&str]) -> Outcome {
    worst(paths.iter().flat_map(|path| {
        let outside = format!("/proc/1/root{path}");
        [judged(UnixStream::connect(path), path), judged(UnixStream::connect(&outside), &outside)]
    }))
}

/// Those that are listed, and those that engines and the neighbour have.
fn abstract_sockets() -> Outcome {
    let list = fs::read_to_string("/proc/net/unix").unwrap_or_default();
    let listed = list.lines().filter_map(|line| line.split_once('@')).map(|(_, name)| name.to_owned());
    let known = ["neighbour", "containerd-shim", "dbus", "/containerd-shim/k8s.io"].map(str::to_owned);
    worst(listed.chain(known).map(|name| {
        let address = SocketAddr::from_abstract_name(&name);
        judged(address.and_then(|address| UnixStream::connect_addr(&address)), &format!("connected to @{name}"))
    }))
}

/// Segments that others made are listed to everyone in their namespace.
fn shared_memory() -> Outcome {
    let lists = ["shm", "sem", "msg"].map(|kind| fs::read_to_string(format!("/proc/sysvipc/{kind}")).unwrap_or_default());
    let foreign = lists.iter().map(|list| list.lines().count().saturating_sub(1)).sum::<usize>();
    if foreign == 0 {
        Outcome::Impossible("no shared memory, semaphore or queue of others is listed".into())
    } else {
        Outcome::Succeeded(format!("{foreign} of others"))
    }
}

fn setuid_in_volume() -> Outcome {
    execute("/volume/setuid", 0o4755)
}

/// A copy of this program, asked for nothing.
fn execute(path: &str, mode: u32) -> Outcome {
    use std::os::unix::fs::PermissionsExt as _;
    let made = fs::copy("/proc/self/exe", path).and_then(|_| fs::set_permissions(path, fs::Permissions::from_mode(mode)));
    judged(made.and_then(|()| Command::new(path).arg("nothing").status()), &format!("executed {path}"))
}

/// A program of its own in another domain of the node's policy, with the level it has.
fn start_as(wanted: &str) -> Outcome {
    let own = fs::read_to_string("/proc/self/attr/current").unwrap_or_default();
    let level = own.trim_end_matches(['\0', '\n']).splitn(4, ':').nth(3).unwrap_or("s0").to_owned();
    let next = "/proc/thread-self/attr/exec";
    if let Err(error) = fs::write(next, format!("system_u:system_r:{wanted}:{level}")) {
        return Outcome::Refused(error);
    }
    judged(Command::new("/proc/self/exe").arg("nothing").status(), &format!("runs as {wanted}"))
}
