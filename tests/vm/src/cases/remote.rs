//! Strangers at the remote API of a node: noise where TLS is spoken, callers that never finish, a thousand at once.

use std::{
    fs,
    io::{Read, Write},
    net::Shutdown,
    thread,
    time::Duration,
};

use ampoule_api_client::Method;
use ampoule_machine::LocalIdentity;
use ampoule_test_support::{greeting, tls_noise};
use anyhow::{Context as _, Result, ensure};

use super::outside::{answer_time, same_time_class};
use crate::{
    context::Context,
    framework::{Node, within},
    runner::Case,
    software::connect,
};

pub(super) const CASES: &[Case] = &[Case {
    name: "malformed_tls_harms_nobody",
    about: "each kind of noise at the remote API, callers that never finish, a thousand at once: who has a certificate is answered as before, within the same memory, by the same process, and the log tells",
    limit: within(1200),
    // It takes seven minutes; `node/apid/tests/api` shows the same to the program on each change.
    soak: true,
    run: malformed_tls_harms_nobody,
}];

/// Of the mutations of a greeting one in so many is sent: each takes an emulated node its time, and `node/apid/tests/api` sends all of them.
const EACH: usize = 20;
/// Callers at once; the node has places for 64.
const CROWD: usize = 1000;
/// What the memory of the service may grow by, in bytes.
const GROWTH: u64 = 16 << 20;

fn malformed_tls_harms_nobody(context: &Context) -> Result<()> {
    let mut node = context.node().start()?;
    node.boots()?;
    let (pid, before, memory) = (node.service("apid")?.pid, answer_time(&node)?, memory(&node)?);
    let port = node.port(LocalIdentity::API_PORT)?;
    for (number, (name, bytes)) in tls_noise().into_iter().enumerate() {
        if !name.starts_with("byte ") && !name.starts_with("cut ") || number % EACH == 0 {
            is_turned_away(port, &bytes).with_context(|| format!("noise: {name}"))?;
        }
    }
    same_time_class(before, answer_time(&node)?).context("after noise")?;

    more_descriptors()?;
    let mut crowd = Vec::new();
    for _ in 0..CROWD {
        crowd.push(connect(port)?);
    }
    same_time_class(before, answer_time(&node)?).context("beside a thousand that are silent")?;
    for byte in &greeting()[..10] {
        for stream in &mut crowd {
            // Those that had to go are gone.
            let _ = stream.write_all(&[*byte]);
        }
        thread::sleep(Duration::from_millis(200));
    }
    same_time_class(before, answer_time(&node)?).context("beside a thousand that are slow")?;
    let now = self::memory(&node)?;
    ensure!(now < memory + GROWTH, "apid's memory grew from {memory} to {now} bytes");
    drop(crowd);
    ensure!(node.service("apid")?.pid == pid, "apid ended");
    node.eventually("the log tells of them", within(30), |node| {
        let lines = node.log_of("apid")?;
        ensure!(lines.iter().any(|line| line.text.contains("callers were turned away")), "{:?}", lines.last());
        Ok(())
    })?;
    node.stops_at_the_power_button()
}

/// Nothing is answered but what TLS itself says.
fn is_turned_away(port: u16, bytes: &[u8]) -> Result<()> {
    let mut stream = connect(port)?;
    stream.set_read_timeout(Some(within(30)))?;
    // It may have hung up in the middle.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => anyhow::bail!("it is kept waiting"),
        _ => ensure!(answer.len() < 8192 && !answer.windows(5).any(|part| part == b"HTTP/"), "{} bytes came back", answer.len()),
    }
    Ok(())
}

/// Of the API server's control group, in bytes.
fn memory(node: &Node) -> Result<u64> {
    let page = node.client()?.call(Method::Get, "/v1/metrics", None)?.text();
    let line = page.lines().find_map(|line| line.strip_prefix("ampoule_service_memory_bytes{service=\"apid\"} "));
    Ok(line.context("no figure for apid")?.trim().parse()?)
}

/// This program has a descriptor for each caller, and QEMU, which inherits the limit, another.
fn more_descriptors() -> Result<()> {
    let limits = fs::read_to_string("/proc/self/limits")?;
    let line = limits.lines().find(|line| line.starts_with("Max open files")).context("no limit of open files")?;
    let soft = line.split_whitespace().nth(3).and_then(|word| word.parse::<usize>().ok());
    ensure!(soft.is_none_or(|soft| soft > CROWD + 200), "{line}: `ulimit -n 4096` first");
    Ok(())
}
