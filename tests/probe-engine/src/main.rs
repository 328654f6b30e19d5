//! An engine that was taken over: in containerd's domain and with its rights it asks runc for containers in other domains than theirs, and
//! starts two workloads of which one reaches for the other. Or it leaves a workload's container half made, as a runc that was killed does.
//!
//! Inside of a container the same program says in which domain it is, waits, or reaches.

mod bundle;
mod neighbours;

use std::{env, fs, io, process::Output, thread, time::Duration};

use bundle::{Bundle, MINE};

/// The first is what every container is: were it refused, the others would prove nothing.
const DOMAINS: [&str; 9] = ["container_t", "init_t", "apid_t", "hostd_t", "containerd_t", "kernel_t", "control_t", "super_t", "modload_t"];

fn main() {
    let words: Vec<String> = env::args().skip(1).collect();
    match words.first().map(String::as_str) {
        Some("inside") => return println!("INSIDE {}", label()),
        Some("reach") => return neighbours::reach(&words[1..]),
        Some(_) => {}
        None if is_asked_for("probe-engine") => attack(),
        None if is_asked_for("probe-half") => leave_half(),
        None => {}
    }
    thread::sleep(Duration::MAX);
}

fn label() -> String {
    let label = fs::read_to_string("/proc/self/attr/current").unwrap_or_default();
    label.trim_end_matches(['\0', '\n']).to_owned()
}

fn is_asked_for(what: &str) -> bool {
    fs::read_to_string("/etc/motd").unwrap_or_default().split_whitespace().any(|word| word == what)
}

fn leave_half() {
    match Bundle::new("half", MINE).and_then(|bundle| bundle.leave_half("half")) {
        Ok(pid) => eprintln!("<6>PROBE half is half made: {pid}"),
        Err(error) => eprintln!("<3>PROBE FAILED to leave a container half made: {error}"),
    }
}

fn attack() {
    match Bundle::new("mine", MINE) {
        Ok(bundle) => DOMAINS.iter().for_each(|domain| say(domain, bundle.run(domain))),
        Err(error) => eprintln!("<3>PROBE FAILED to make a bundle: {error}"),
    }
    match neighbours::meet() {
        Ok(lines) => lines.iter().for_each(|line| eprintln!("<6>PROBE {line}")),
        Err(error) => eprintln!("<3>PROBE FAILED to make neighbours: {error}"),
    }
    eprintln!("<6>PROBE engine done");
}

fn say(domain: &str, outcome: io::Result<Output>) {
    match outcome {
        Ok(output) => {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().replace('\n', " / ");
            let (said, why) = (text(&output.stdout), text(&output.stderr));
            let end = if output.status.success() { "started" } else { "refused" };
            eprintln!("<6>PROBE asked for {domain}: {end}: {said} {why}");
        }
        Err(error) => eprintln!("<3>PROBE FAILED to ask for {domain}: {error}"),
    }
}
