//! The hardware watchdog brings back a node that is dead to all else.

use anyhow::{Result, ensure};

use crate::{
    context::Context,
    framework::{Node, within},
    runner::Case,
};

pub(super) const CASES: &[Case] = &[Case {
    name: "the_watchdog_resets_a_dead_node",
    about: "init feeds the watchdog for longer than its limit; when the kernel stands still and init with it, the machine is reset and comes back",
    limit: within(600),
    soak: false,
    run: the_watchdog_resets_a_dead_node,
}];

/// A kernel that stops at the first interrupt that cannot be masked, and stays so.
const STANDS_STILL: &str = "[kernel.sysctl]\n\"kernel.panic\" = \"0\"\n\"kernel.unknown_nmi_panic\" = \"1\"\n";

fn the_watchdog_resets_a_dead_node(context: &Context) -> Result<()> {
    let mut node = context.node().with_watchdog().with_settings(STANDS_STILL).start()?;
    node.boots()?;
    said(&mut node, "kernel", "the hardware watchdog resets the machine when init is silent for 30 s")?;
    said(&mut node, "kernel-settings", "kernel.unknown_nmi_panic = 1")?;
    // That nothing happens shows only by waiting: longer than the limit.
    std::thread::sleep(within(45));
    ensure!(node.restarts() == 0, "the machine was reset although init lives");

    node.is_interrupted()?;
    node.panics(within(30))?;
    // The emulator tells of one reset more than once.
    node.eventually("the machine is reset", within(120), |node| {
        ensure!(node.restarts() > 0, "no restart");
        Ok(())
    })?;
    node.boots()?;
    let restarts = node.restarts();
    std::thread::sleep(within(45));
    ensure!(node.restarts() == restarts, "the machine was reset again although init lives");
    node.stops_at_the_power_button()
}

fn said(node: &mut Node, source: &str, text: &str) -> Result<()> {
    node.eventually(&format!("{source} says: {text}"), within(60), |node| {
        ensure!(node.log_of(source)?.iter().any(|line| line.text.contains(text)), "not yet");
        Ok(())
    })
}
