//! Noise on the sockets of PID 1, and orphans for it to reap.

use std::{
    env, fs,
    os::{
        fd::OwnedFd,
        unix::net::{UnixDatagram, UnixStream},
    },
    path::Path,
    process::{Command, ExitCode, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::net::{AddressFamily, SendFlags, SocketAddrUnix, SocketType, connect, send, socket};

use crate::report::Report;

/// Parents, and how many orphans each leaves: so many that a leak of one process each would be seen, and under emulation it takes a minute.
const PARENTS: u32 = 200;
const ORPHANS: u32 = 10;

/// More than any honest client opens.
const CONNECTIONS: u32 = 300;

pub(crate) fn run(report: &mut Report) {
    noise_on_init_socket(report);
    noise_on_notify_socket(report);
    noise_on_streams(report);
    make_orphans(report);
}

fn noise_on_init_socket(report: &mut Report) {
    let mut open: Vec<OwnedFd> = Vec::new();
    let mut sent = 0;
    for number in 0..CONNECTIONS {
        let Ok(connection) = seqpacket("/run/ampoule/init.sock") else {
            continue;
        };
        for length in [0, 1, 7, 64, 4096, 60_000] {
            sent += u32::from(send(&connection, &bytes(number, length), SendFlags::NOSIGNAL).is_ok());
        }
        open.push(connection);
    }
    match sent {
        0 => report.failed("init.sock: nothing could be sent"),
        _ => report.ok(&format!("init.sock: {sent} messages over {} connections", open.len())),
    }
}

fn seqpacket(path: &str) -> rustix::io::Result<OwnedFd> {
    let fd = socket(AddressFamily::UNIX, SocketType::SEQPACKET, None)?;
    // A full queue must not hold us up.
    rustix::io::ioctl_fionbio(&fd, true)?;
    connect(&fd, &SocketAddrUnix::new(path)?)?;
    Ok(fd)
}

fn noise_on_notify_socket(report: &mut Report) {
    let Ok(notify) = UnixDatagram::unbound() else {
        return report.failed("notify.sock: no socket");
    };
    // A full queue must not hold us up either.
    let _ = notify.set_nonblocking(true);
    let mut sent = 0;
    for number in 0..2000 {
        let message = match number % 4 {
            0 => b"READY=1\nMAINPID=1".to_vec(),
            1 => b"STOPPING=1\nSTATUS=\xff\xfe".to_vec(),
            2 => Vec::new(),
            _ => bytes(number, 3000),
        };
        sent += u32::from(notify.send_to(&message, "/run/ampoule/notify.sock").is_ok());
    }
    report.ok(&format!("notify.sock: {sent} messages"));
}

fn noise_on_streams(report: &mut Report) {
    use std::io::Write;
    for path in ["/run/api.sock", "/run/ampoule/logd/query.sock", "/run/ampoule/logd/ingest.sock"] {
        let mut taken = 0;
        for number in 0..50 {
            let Ok(mut stream) = UnixStream::connect(path) else {
                continue;
            };
            let _ = stream.set_write_timeout(Some(Duration::from_millis(200)));
            taken += u32::from(stream.write_all(&bytes(number, 20_000)).is_ok());
        }
        report.ok(&format!("{path}: took noise {taken} times"));
    }
}

/// Bytes without sense, the same in each run (xorshift).
fn bytes(seed: u32, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[1]
    };
    std::iter::repeat_with(next).take(length).collect()
}

fn make_orphans(report: &mut Report) {
    let parents = (0..PARENTS).filter(|_| copy_of_self("parent-of-orphans").is_ok()).count();
    let made = parents * ORPHANS as usize;
    let start = Instant::now();
    while dead_children_of_init() > 0 && start.elapsed() < Duration::from_secs(20) {
        thread::sleep(Duration::from_millis(100));
    }
    match dead_children_of_init() {
        0 => report.ok(&format!("orphans: {made}, all reaped")),
        left => report.failed(&format!("orphans: {left} of {made} are not reaped")),
    }
}

/// Starts children and ends before them.
pub(crate) fn leave_orphans() -> ExitCode {
    let orphan = |me: &Path| Command::new(me).arg("short-life").stderr(Stdio::null()).spawn().map(drop);
    let left = env::current_exe().and_then(|me| (0..ORPHANS).try_for_each(|_| orphan(&me)));
    ExitCode::from(u8::from(left.is_err()))
}

fn copy_of_self(role: &str) -> std::io::Result<()> {
    let status = Command::new(env::current_exe()?).arg(role).status()?;
    match status.success() {
        true => Ok(()),
        false => Err(std::io::Error::other("it failed")),
    }
}

/// Processes that have ended and wait for PID 1 to take notice.
fn dead_children_of_init() -> usize {
    let Ok(processes) = fs::read_dir("/proc") else {
        return 0;
    };
    let stats = processes.flatten().filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok());
    stats
        .filter(|stat| {
            // `pid (name) state parent …`; a name may hold anything but ends at the last parenthesis.
            let fields = stat.rsplit(')').next().unwrap_or_default();
            let mut fields = fields.split_whitespace();
            fields.next() == Some("Z") && fields.next() == Some("1")
        })
        .count()
}
