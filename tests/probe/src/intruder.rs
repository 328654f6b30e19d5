//! A program in the place of a daemon that was taken over, with its domain, user, capabilities, view and list of system calls: it tells what it reaches, and is silent about the rest.
//!
//! Which kinds of attempts it makes is said to it: a system call that is not on the daemon's list would end it.

use std::{
    env,
    fs::File,
    io::{self, Read as _},
    net::{Ipv4Addr, SocketAddrV4},
    os::unix::{fs::OpenOptionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
};

use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, bind, connect, ipproto, socket};
use rustix::process::{Pid, Signal, kill_process};
use rustix::{mount, system, time};

const FOLDERS: [&str; 30] = [
    "/dev",
    "/dev/shm",
    "/etc",
    "/etc/ampoule",
    "/proc/1/root",
    "/proc/1/fd",
    "/run",
    "/run/ampoule",
    "/run/ampoule/apid",
    "/run/ampoule/hostd",
    "/run/ampoule/logd",
    "/run/ampoule/netd",
    "/run/ampoule/updated",
    "/run/containerd",
    "/state",
    "/state/clock",
    "/state/modload",
    "/state/netd",
    "/state/settings",
    "/state/updated",
    "/sys/firmware/efi/efivars",
    "/sys/fs/bpf",
    "/sys/fs/cgroup",
    "/sys/fs/selinux",
    "/sys/kernel/security",
    "/tmp",
    "/usr/bin",
    "/var/lib/ampoule",
    "/var/lib/containerd",
    "/var/log/ampoule",
];

/// Opened, and neither read nor written: what they give or take is not needed to know who may.
const FILES: [&str; 24] = [
    "/dev/console",
    "/dev/kmsg",
    "/dev/mem",
    "/dev/net/tun",
    "/dev/null",
    "/dev/vda",
    "/dev/vda1",
    "/dev/vda2",
    "/etc/ampoule/workloads.json",
    "/etc/motd",
    "/proc/1/environ",
    "/proc/kallsyms",
    "/proc/kcore",
    "/proc/kmsg",
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/hostname",
    "/proc/sys/kernel/modprobe",
    "/proc/sys/kernel/panic",
    "/proc/sys/net/ipv4/ip_forward",
    "/proc/sysrq-trigger",
    "/sys/fs/cgroup/cgroup.procs",
    "/sys/fs/selinux/enforce",
    "/sys/kernel/security/lockdown",
    "/usr/bin/init",
];

const SOCKETS: [&str; 14] = [
    "/run/api.sock",
    "/run/ampoule/hostd/checks",
    "/run/ampoule/hostd/status",
    "/run/ampoule/init.sock",
    "/run/ampoule/logd/ingest.sock",
    "/run/ampoule/logd/query.sock",
    "/run/ampoule/netd-parser/socket",
    "/run/ampoule/netd/status",
    "/run/ampoule/notify.sock",
    "/run/ampoule/ntpd/observe",
    "/run/ampoule/update-fetcher/socket",
    "/run/ampoule/updated/command",
    "/run/containerd/containerd.sock",
    "/run/containerd/containerd.sock.ttrpc",
];

/// More processes than the node has had by then.
const LAST_PROCESS: i32 = 1500;

/// A kind of attempts, by the name that the test gives it.
const KINDS: [(&str, fn()); 7] = [
    ("files", files),
    ("sockets", sockets),
    ("signals", signals),
    ("network", network),
    ("mount", mounts),
    ("clock", clock),
    ("module", modules),
];

pub(crate) fn run(kinds: &str) {
    let wanted = |name: &str| kinds.split(',').any(|kind| kind == name);
    KINDS.iter().filter(|(name, _)| wanted(name)).for_each(|(_, attempt)| attempt());
    if wanted("copies") {
        copies();
    }
    become_of(Path::new(&own()));
    done();
}

/// What it says when something of its own was started in its place.
pub(crate) fn was_executed() {
    reach(&format!("execute {}", own()));
    done();
}

fn done() {
    eprintln!("<6>PROBE intruder done");
}

fn reach(what: &str) {
    eprintln!("<6>PROBE reach {what}");
}

fn reached<T, E>(what: &str, outcome: Result<T, E>) {
    if outcome.is_ok() {
        reach(what);
    }
}

fn files() {
    for place in FOLDERS {
        reached(&format!("list {place}"), File::open(place));
        reached(&format!("make in {place}"), make(Path::new(place)));
    }
    for place in FILES {
        reached(&format!("read {place}"), File::open(place));
        reached(&format!("write {place}"), File::options().write(true).open(place));
    }
    for pid in others() {
        reached(&format!("memory of {pid}"), File::open(format!("/proc/{pid}/mem")));
    }
}

fn make(folder: &Path) -> io::Result<File> {
    File::options().write(true).create(true).truncate(true).mode(0o755).open(made_in(folder))
}

/// What it makes where it may: each attacker another file, for some may write what others made, and none with the name of a service, which is that of a folder of logd's.
fn made_in(folder: &Path) -> PathBuf {
    folder.join(Path::new(&own()).with_extension("made").file_name().unwrap_or_default())
}

fn own() -> String {
    env::args().next().unwrap_or_default()
}

/// Other processes: each number that is not known to be a thread of one.
fn others() -> impl Iterator<Item = i32> {
    let me = std::process::id().cast_signed();
    (1..=LAST_PROCESS).filter(move |pid| *pid != me && !is_thread(*pid))
}

fn is_thread(pid: i32) -> bool {
    let mut status = String::new();
    let read = File::open(format!("/proc/{pid}/status")).and_then(|file| file.take(4096).read_to_string(&mut status));
    read.is_ok() && !status.lines().any(|line| line.strip_prefix("Tgid:").is_some_and(|group| group.trim() == pid.to_string()))
}

fn sockets() {
    for place in SOCKETS {
        reached(&format!("connect {place}"), connect_of_its_kind(place));
    }
}

/// The kernel tells of a wrong kind before it asks the policy.
fn connect_of_its_kind(place: &str) -> rustix::io::Result<()> {
    let address = SocketAddrUnix::new(place)?;
    for kind in [SocketType::STREAM, SocketType::SEQPACKET, SocketType::DGRAM] {
        match connect(&socket(AddressFamily::UNIX, kind, None)?, &address) {
            Err(rustix::io::Errno::PROTOTYPE) => {}
            other => return other,
        }
    }
    Err(rustix::io::Errno::PROTOTYPE)
}

/// To go on, which they do anyway.
fn signals() {
    for pid in others() {
        reached(&format!("signal {pid}"), Pid::from_raw(pid).map_or(Err(rustix::io::Errno::SRCH), |pid| kill_process(pid, Signal::CONT)));
    }
}

fn network() {
    reached("raw packets", socket(AddressFamily::INET, SocketType::RAW, Some(ipproto::ICMP)));
    if let Ok(udp) = socket(AddressFamily::INET, SocketType::DGRAM, None) {
        // Nothing is sent: there is a way or there is none, and a network of one's own has none even to itself.
        reached("the network", connect(&udp, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 53)));
    }
    if let Ok(tcp) = socket(AddressFamily::INET, SocketType::STREAM, None) {
        // Who has the right is told that another attacker was first.
        match bind(&tcp, &SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 81)) {
            Ok(()) | Err(rustix::io::Errno::ADDRINUSE) => reach("ports below 1024"),
            Err(_) => {}
        }
    }
}

fn mounts() {
    reached("new file systems", mount::fsopen("tmpfs", mount::FsOpenFlags::FSOPEN_CLOEXEC));
}

/// To what it shows.
fn clock() {
    let now = time::clock_gettime(time::ClockId::Realtime);
    reached("the clock", time::clock_settime(time::ClockId::Realtime, now));
}

/// No module: whoever may load one is told that this is none.
fn modules() {
    let own = made_in(Path::new("/state/modload"));
    // The kernel does not look at an empty one.
    let _refused = make(Path::new("/state/modload")).and_then(|mut file| io::Write::write_all(&mut file, b"no module"));
    for place in [Path::new("/usr/bin/init"), &own] {
        let Ok(file) = File::open(place) else { continue };
        let refused = [rustix::io::Errno::PERM, rustix::io::Errno::ACCESS];
        match system::finit_module(&file, c"", 0) {
            Err(error) if refused.contains(&error) => {}
            _ => reach(&format!("module {}", place.display())),
        }
    }
}

/// Copies of this program that it wrote itself, wherever it may.
fn copies() {
    let bytes = std::fs::read(own()).unwrap_or_default();
    for folder in FOLDERS {
        let copied = make(Path::new(folder)).and_then(|mut file| io::Write::write_all(&mut file, &bytes));
        if copied.is_ok() {
            become_of(&made_in(Path::new(folder)));
        }
    }
}

/// Comes back only if it was refused.
fn become_of(program: &Path) {
    let _refused = Command::new(program).arg("executed").exec();
}
