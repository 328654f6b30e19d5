//! A service that was taken over, in a box like that of the node's own services: what it reaches, and how it ends when it asks for more.

use std::{
    env,
    fs::{self, File},
    os::unix::net::UnixStream,
    path::Path,
};

use rustix::process::{Pid, Signal, kill_process};
use rustix::{mount, net};

use crate::report::Report;

/// The one folder it owns.
const OWN: &str = "/run/boxed";

pub(crate) fn attack() {
    let mut report = Report;
    files(&mut report);
    sockets(&mut report);
    neighbours(&mut report);
    capabilities(&mut report);
    report.ok("boxed done");
    // What its list does not have: the kernel ends it here.
    let answer = net::socket(net::AddressFamily::INET, net::SocketType::DGRAM, None);
    report.failed(&format!("boxed: a call that is not on its list was answered: {answer:?}"));
}

fn files(report: &mut Report) {
    match File::create(Path::new(OWN).join("mine")) {
        Ok(_) => report.ok("boxed: writes to its own folder"),
        Err(error) => report.failed(&format!("boxed: {OWN} is not its own: {error}")),
    }
    for place in ["/etc/x", "/run/x", "/tmp/x", "/dev/shm/x", "/run/ampoule/x", "/state/x", "/var/x", "/sys/fs/cgroup/x"] {
        report.must_fail(&format!("boxed: write {place}"), File::create(place));
    }
    for place in ["/dev/vda", "/dev/kmsg", "/dev/mem", "/proc/kcore", "/proc/1/environ", "/run/ampoule/logd", "/run/containerd"] {
        report
            .must_fail(&format!("boxed: read {place}"), File::open(place).and_then(|file| file.metadata()).map(drop).and(fs::read(place)));
    }
    for hidden in ["/state", "/var"] {
        match fs::read_dir(hidden).map(Iterator::count) {
            Ok(0) => report.ok(&format!("boxed: {hidden} is hidden")),
            other => report.failed(&format!("boxed: {hidden} shows {other:?}")),
        }
    }
}

/// Every socket of the node, none of which is its business.
fn sockets(report: &mut Report) {
    let places = [
        "/run/api.sock",
        "/run/ampoule/init.sock",
        "/run/ampoule/logd/query.sock",
        "/run/ampoule/logd/ingest.sock",
        "/run/ampoule/netd/status",
        "/run/ampoule/hostd/status",
        "/run/containerd/containerd.sock",
    ];
    for place in places {
        report.must_fail(&format!("boxed: connect {place}"), connect(place));
    }
}

/// Of either kind: the kernel looks at rights before it looks at kinds.
fn connect(place: &str) -> std::io::Result<()> {
    match UnixStream::connect(place) {
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::PROTOTYPE.raw_os_error()) => Ok(()),
        other => other.map(drop),
    }
}

fn neighbours(report: &mut Report) {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let seen: Vec<u32> = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    let me = std::process::id();
    match seen.iter().all(|pid| *pid == me) && seen.contains(&me) {
        true => report.ok("boxed: sees no other process"),
        false => report.failed(&format!("boxed: sees {seen:?}")),
    }
    report.must_fail("boxed: signal PID 1", kill_process(Pid::INIT, Signal::TERM));
    let links = fs::read_to_string("/proc/self/net/dev").unwrap_or_default();
    let others: Vec<&str> =
        links.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name.trim()).filter(|name| *name != "lo").collect();
    match links.contains("lo:") && others.is_empty() {
        true => report.ok("boxed: is in no network"),
        false => report.failed(&format!("boxed: sees the links {others:?}")),
    }
}

fn capabilities(report: &mut Report) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let sets: Vec<&str> = status.lines().filter(|line| line.starts_with("Cap")).collect();
    match sets.len() == 5 && sets.iter().all(|line| line.ends_with("0000000000000000")) {
        true => report.ok("boxed: has no capability in any set"),
        false => report.failed(&format!("boxed: {sets:?}")),
    }
    // Its list has these two, so that it is the kernel's rules that refuse them.
    report.must_fail("boxed: mount", mount::mount("none", "/tmp", "tmpfs", mount::MountFlags::empty(), None));
    report.must_fail("boxed: become root", rustix::thread::set_thread_uid(rustix::process::Uid::ROOT));
}

/// Whether this node's test asks for it.
pub(crate) fn is_wanted() -> bool {
    let wishes = fs::read_to_string("/etc/motd").unwrap_or_default();
    env::args().nth(1).as_deref() == Some("boxed") && wishes.split_whitespace().any(|word| word == "probe-boxed")
}
