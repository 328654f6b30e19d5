//! Killing the node's daemons, and asking its API.

use std::{
    fs,
    io::{Read, Write},
    os::unix::net::UnixStream,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::report::Report;

/// Every daemon that a node cannot do without. PID 1 itself is not among them: it cannot be killed.
const DAEMONS: [&str; 5] = ["netd", "hostd", "containerd", "apid", "logd"];

/// An emulated node needs seconds to start a large program.
const LIMIT: Duration = Duration::from_secs(40);

/// Longer than a daemon must live for its back-off to begin anew.
const BREATH: Duration = Duration::from_secs(2);

pub(crate) fn kill_each(report: &mut Report) {
    for daemon in DAEMONS {
        kill_one(report, daemon);
        thread::sleep(BREATH);
    }
}

fn kill_one(report: &mut Report, daemon: &str) {
    let Some(before) = wait_for(daemon, None) else {
        return report.failed(&format!("kill {daemon}: it does not run"));
    };
    let Some(pid) = Pid::from_raw(before) else {
        return;
    };
    if let Err(error) = kill_process(pid, Signal::KILL) {
        return report.failed(&format!("kill {daemon}: {error}"));
    }
    let start = Instant::now();
    match wait_for(daemon, Some(before)) {
        Some(after) => report.ok(&format!("killed {daemon} {before}, back as {after} after {} ms", start.elapsed().as_millis())),
        None => report.failed(&format!("killed {daemon} {before}: it is not back")),
    }
}

/// The process id of a program, once it runs with another id than `not`.
fn wait_for(program: &str, not: Option<i32>) -> Option<i32> {
    let start = Instant::now();
    while start.elapsed() < LIMIT {
        let found = process_of(program).filter(|pid| Some(*pid) != not);
        if found.is_some() {
            return found;
        }
        thread::sleep(Duration::from_millis(50));
    }
    None
}

pub(crate) fn process_of(program: &str) -> Option<i32> {
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.find(|pid| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.trim_end() == program))
}

/// For nodes whose API the test cannot reach: says on the console whether it answers on the node.
pub(crate) fn ask_api(report: &mut Report) {
    let start = Instant::now();
    while start.elapsed() < LIMIT {
        if answers() {
            return report.on_console("api ok");
        }
        thread::sleep(Duration::from_millis(200));
    }
    report.on_console("FAILED api gives no answer");
}

fn answers() -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = UnixStream::connect("/run/api.sock")?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /os HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.take(64 * 1024).read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}
