//! Promises attacked from inside: a program on the node, with root's rights, tries what must not work.

use std::collections::BTreeSet;

use ampoule_api_types::v1::ServiceState;
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
        about: "PID 1 survives noise on its sockets, thousands of orphans and a fork bomb",
        limit: within(480),
        soak: false,
        run: init_survives,
    },
    Case {
        name: "a_service_that_never_gets_ready",
        about: "a service that never gets ready is ended in time, then its policy decides, and it holds nothing up",
        limit: within(300),
        soak: false,
        run: a_service_that_never_gets_ready,
    },
];

/// What the probe must report for a test to mean something: silence is not success.
const ATTACKS: [&str; 7] = ["root-write", "root-remount", "execute", "mounts", "device", "listen", "module"];

fn attacks_from_inside_fail(context: &Context) -> Result<()> {
    let wish = "motd = \"probe-attack\"";
    let mut node = context.node_with_probe()?.with_settings(wish).start()?;
    node.boots()?;
    let lines = report_of(&mut node, "attack")?;
    for attack in ATTACKS {
        ensure!(lines.iter().any(|line| line.contains(attack)), "the probe did not try {attack}: {lines:#?}");
    }
    Ok(())
}

fn killed_services_come_back(context: &Context) -> Result<()> {
    let wish = "motd = \"probe-kill\"";
    let mut node = context.node_with_probe()?.with_settings(wish).start()?;
    node.boots()?;
    let lines = report_of(&mut node, "kill")?;
    for daemon in ["netd", "logd", "apid", "hostd", "containerd"] {
        let told = lines.iter().any(|line| line.contains(&format!("killed {daemon}")));
        ensure!(told, "the probe did not kill {daemon}: {lines:#?}");
    }
    node.stops_at_the_power_button()
}

fn init_survives(context: &Context) -> Result<()> {
    let wish = "motd = \"probe-bomb probe-init\"";
    let mut node = context.node_with_probe()?.with_settings(wish).start()?;
    node.boots()?;
    report_of(&mut node, "bomb")?;
    report_of(&mut node, "init")?;
    node.boots()?;
    node.stops_at_the_power_button()
}

fn a_service_that_never_gets_ready(context: &Context) -> Result<()> {
    let wish = "motd = \"probe-never-ready\"";
    let mut node = context.node_with_probe()?.with_settings(wish).start()?;
    node.boots()?;
    // The probe's policy is `never`.
    node.eventually("init has ended it in time, for good", within(60), |node| {
        let probe = node.service("probe")?;
        ensure!(probe.state == ServiceState::Failed && probe.pid.is_none() && probe.restarts == 0, "{probe:?}");
        Ok(())
    })?;
    node.boots()?;
    node.stops_at_the_power_button()
}

/// Waits for the last line of an attack; the probe's lines, none of which may be a failure.
pub(super) fn report_of(node: &mut Node, attack: &str) -> Result<Vec<String>> {
    let last = format!("PROBE {attack} done");
    let lines = node.says("probe", &last, within(240))?;
    let failures: BTreeSet<&str> = lines.iter().map(String::as_str).filter(|text| text.contains("FAILED")).collect();
    ensure!(failures.is_empty(), "{failures:#?}");
    Ok(lines)
}
