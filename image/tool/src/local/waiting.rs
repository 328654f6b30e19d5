//! Waiting for a node, and saying what for.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use ampoule_api_client::Client;
use ampoule_api_types::v1::{WorkloadList, WorkloadState, WorkloadStatus};
use ampoule_builder::Progress;
use anyhow::{Result, bail};
use serde_json::Value;

use crate::{
    figures,
    interrupt::{Interrupt, Stopped},
    local::session::Session,
    show::Show,
};

/// Through firmware under emulation a boot takes about 20 s; slow and busy hosts several times that.
const BOOT_LIMIT: Duration = Duration::from_secs(300);

/// Pulling from afar takes its time; without a limit a wrong name would be waited for for ever.
const WORKLOAD_LIMIT: Duration = Duration::from_secs(900);

const POLL: Duration = Duration::from_millis(300);

/// Waits until the API answers.
pub(crate) fn for_api(show: &Show, session: &mut Session, interrupt: &Interrupt) -> Result<Client> {
    let client = session.client()?.with_timeout(Duration::from_secs(5));
    show.stage("boot", "waiting for the node's API", || {
        let start = Instant::now();
        loop {
            match client.get_json::<Value>("/os") {
                Ok(_) => return Ok(()),
                Err(error) if !error.is_unreachable() => return Err(error.into()),
                Err(error) if start.elapsed() > BOOT_LIMIT => {
                    bail!("the API does not answer after {}: {error}\n{}", figures::duration(BOOT_LIMIT), session.machine.describe_end());
                }
                Err(_) => {}
            }
            pause(session, interrupt)?;
            show.detail("boot", &stage_of_boot(&session.machine.serial()));
        }
    })?;
    Ok(client)
}

fn stage_of_boot(console: &str) -> String {
    let last = ampoule_machine::last_lines(console, 1);
    match last.trim() {
        "" => "the kernel starts".to_owned(),
        line => format!("console: {line}"),
    }
}

/// Sleeps a moment; fails when the node has ended or we were asked to stop.
fn pause(session: &mut Session, interrupt: &Interrupt) -> Result<()> {
    if !session.machine.alive() {
        bail!("the node ended while it was waited for:\n{}", session.machine.describe_end());
    }
    if interrupt.sleep(POLL) {
        return Err(Stopped.into());
    }
    Ok(())
}

/// Waits until the workload `name` runs.
pub(crate) fn for_workload(show: &Show, session: &mut Session, client: &Client, name: &str, interrupt: &Interrupt) -> Result<()> {
    show.stage("workload", "waiting for the node to pull and start it", || {
        let start = Instant::now();
        loop {
            let status = workload(client, name);
            let state = status.as_ref().map_or(WorkloadState::Unknown, |status| status.state);
            let message = status.as_ref().map(|status| status.message.clone()).unwrap_or_default();
            tell(show, session, state, status.as_ref());
            match state {
                WorkloadState::Running => return Ok(()),
                WorkloadState::Failed => bail!("the workload failed: {message}"),
                _ if start.elapsed() > WORKLOAD_LIMIT => bail!("the workload is still {state} ({message})"),
                _ => pause(session, interrupt)?,
            }
        }
    })
}

fn tell(show: &Show, session: &Session, state: WorkloadState, status: Option<&WorkloadStatus>) {
    if let Some(pull) = status.and_then(|status| status.pull.as_ref()) {
        show.stage_progress("workload", pull.bytes, pull.total.max(pull.bytes));
    }
    let sent = session.registry.as_ref().map_or(0, |registry| registry.sent());
    show.detail("workload", &doing(state, status, sent));
}

/// What the workload is doing, short enough for the end of a line that has a bar in it.
fn doing(state: WorkloadState, status: Option<&WorkloadStatus>, sent: u64) -> String {
    let message = status.map(|status| status.message.as_str()).filter(|message| !message.is_empty());
    match (state, message) {
        (WorkloadState::Unknown, None) => "the node has not begun with it".to_owned(),
        (_, Some(message)) => format!("{state}: {message}"),
        (WorkloadState::Pulling, None) if sent > 0 => format!("{state}, {}", figures::bytes(sent)),
        _ => state.to_string(),
    }
}

/// One entry of the workload list; nothing while the node does not know it yet.
fn workload(client: &Client, name: &str) -> Option<WorkloadStatus> {
    let list: WorkloadList = client.get_json("/v1/workloads").ok()?;
    list.workloads.into_iter().find(|entry| entry.name == name)
}

/// Waits up to `limit` until something answers HTTP on `port` of this machine. Whether it did.
pub(crate) fn for_http(session: &mut Session, port: u16, limit: Duration, interrupt: &Interrupt) -> Result<bool> {
    let start = Instant::now();
    while !answers_http(port) {
        if start.elapsed() > limit {
            return Ok(false);
        }
        pause(session, interrupt)?;
    }
    Ok(true)
}

/// Whether an HTTP answer of any status comes. QEMU accepts connections for ports nobody listens on, so only bytes count.
fn answers_http(port: u16) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut head = [0; 5];
        stream.read_exact(&mut head)?;
        Ok(&head == b"HTTP/")
    };
    ask().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_console_s_last_line_says_where_the_boot_is() {
        assert_eq!(stage_of_boot(""), "the kernel starts");
        assert_eq!(stage_of_boot("a\nb\n"), "console: b");
    }

    #[test]
    fn what_a_workload_is_doing() {
        let failing: WorkloadStatus = serde_json::from_value(
            serde_json::json!({ "name": "app", "image": "x", "state": "backing-off", "restarts": 0, "message": "no such image" }),
        )
        .unwrap();
        assert_eq!(doing(WorkloadState::Pulling, None, 2048), "pulling, 2.0 KiB");
        assert_eq!(doing(WorkloadState::Creating, None, 2048), "creating");
        assert_eq!(doing(WorkloadState::BackingOff, Some(&failing), 0), "backing-off: no such image");
        assert_eq!(doing(WorkloadState::Unknown, None, 0), "the node has not begun with it");
    }

    #[test]
    fn nobody_answers_on_a_closed_port() {
        let port = ampoule_machine::free_port().unwrap();
        assert!(!answers_http(port));
    }
}
