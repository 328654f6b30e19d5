//! Promises attacked from inside: a program on the node, with root's rights, tries what must not work.

use std::collections::BTreeSet;

use ampoule_api_types::v1::{LogRecord, ServiceState};
use anyhow::{Result, ensure};

use crate::{
    context::Context,
    framework::{Node, within},
    runner::Case,
};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "attacks_from_inside_fail",
        about: "the root cannot be written, nothing writable can be executed, and no port listens that nobody asked for",
        limit: within(360),
        soak: false,
        run: attacks_from_inside_fail,
    },
    Case {
        name: "killed_services_come_back",
        about: "each daemon is killed in turn and is back with another process id",
        limit: within(480),
        soak: false,
        run: killed_services_come_back,
    },
    Case {
        name: "init_survives",
        about: "PID 1 survives noise on its sockets, thousands of orphans, a fork bomb and a service that never gets ready",
        limit: within(480),
        soak: false,
        run: init_survives,
    },
];

/// What the probe must report for a test to mean something: silence is not success.
const ATTACKS: [&str; 7] = ["root-write", "root-remount", "execute", "mounts", "device", "listen", "module"];

fn attacks_from_inside_fail(context: &Context) -> Result<()> {
    let wish = "motd = \"probe-attack\"";
    let mut node = context.node_with_probe()?.with_settings(wish).start()?;
    node.boots()?;
    let lines = report_of(&mut node, "probe-attack")?;
    for attack in ATTACKS {
        ensure!(lines.iter().any(|line| line.contains(attack)), "the probe did not try {attack}: {lines:#?}");
    }
    Ok(())
}

fn killed_services_come_back(context: &Context) -> Result<()> {
    let wish = "motd = \"probe-kill\"";
    let mut node = context.node_with_probe()?.with_settings(wish).start()?;
    node.boots()?;
    let lines = report_of(&mut node, "probe-kill")?;
    for daemon in ["netd", "logd", "apid", "hostd", "containerd"] {
        let told = lines.iter().any(|line| line.contains(&format!("killed {daemon}")));
        ensure!(told, "the probe did not kill {daemon}: {lines:#?}");
    }
    node.stops_at_the_power_button()
}

fn init_survives(context: &Context) -> Result<()> {
    let wish = "motd = \"probe-init probe-bomb probe-never\"";
    let mut node = context.node_with_probe()?.with_settings(wish).start()?;
    node.boots()?;
    report_of(&mut node, "probe-bomb")?;
    report_of(&mut node, "probe-init")?;
    let never = node.service("probe-never")?;
    ensure!(never.state != ServiceState::Running, "{never:?}");
    node.stops_at_the_power_button()
}

/// Waits for the probe's last line; its lines, none of which may be a failure.
fn report_of(node: &mut Node, service: &str) -> Result<Vec<String>> {
    let lines = node.eventually("the probe is done", within(240), |node| {
        let lines = node.log_of(service)?;
        ensure!(lines.iter().any(|line| line.text.ends_with("PROBE done")), "it said: {}", said(&lines));
        Ok(lines)
    })?;
    let failures: BTreeSet<&str> = lines.iter().map(|line| line.text.as_str()).filter(|text| text.contains("FAILED")).collect();
    ensure!(failures.is_empty(), "{failures:#?}");
    Ok(lines.into_iter().map(|line| line.text).collect())
}

fn said(lines: &[LogRecord]) -> String {
    lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>().join(" / ")
}
