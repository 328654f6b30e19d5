//! Wrong user data is explained, and the node is up all the same.

use ampoule_api_types::v1::{UserDataRequest, UserDataState};
use anyhow::{Context as _, Result, ensure};

use crate::{
    context::Context,
    framework::{Node, within},
    runner::Case,
};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "wrong_user_data_is_explained",
        about: "wrong user data: the console names key, reason and remedy; the node is up with its defaults, and its API answers on the node",
        limit: within(300),
        soak: false,
        run: wrong_user_data_is_explained,
    },
    Case {
        name: "hostile_user_data_is_survived",
        about: "user data that is no text at all does no harm",
        limit: within(300),
        soak: false,
        run: hostile_user_data_is_survived,
    },
    Case {
        name: "changed_user_data_waits",
        about: "user data that differs at a second boot is shown as a plan and changes nothing; applied, it counts and stays",
        limit: within(480),
        soak: false,
        run: changed_user_data_waits,
    },
];

fn wrong_user_data_is_explained(context: &Context) -> Result<()> {
    let text = "[settings]\nmotd = \"never seen\"\n[settings.network]\nhostname = \"not a host name!\"\n";
    let mut node = context.node_with_probe()?.with_raw_user_data(text.as_bytes()).start()?;
    node.shows("settings.network.hostname", within(120))?;
    node.shows("PROBE api ok", within(120))?;
    ensure!(!node.console().contains("never seen"), "half of it was taken");
    node.stops_at_the_power_button()
}

fn hostile_user_data_is_survived(context: &Context) -> Result<()> {
    // A gzip header with nothing sensible behind it.
    let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    bytes.extend((0..60_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[3]));
    let mut node = context.node_with_probe()?.with_raw_user_data(&bytes).start()?;
    node.shows("User data in", within(120))?;
    node.shows("PROBE api ok", within(120))?;
    node.stops_at_the_power_button()
}

fn changed_user_data_waits(context: &Context) -> Result<()> {
    let mut node = context.node().with_settings("motd = \"first\"\n[network]\nhostname = \"first\"\n").start()?;
    node.boots()?;
    let status = node.client()?.user_data()?;
    ensure!(status.state == UserDataState::Taken, "{status:?}");
    node.stops_at_the_power_button()?;

    let mut node = node.starts_again_with_settings("motd = \"second\"\n[network]\nhostname = \"first\"\n")?;
    node.boots()?;
    let status = node.client()?.user_data()?;
    ensure!(status.state == UserDataState::Changed, "{status:?}");
    let plan = status.plan.context("changed, and no plan")?;
    let keys: Vec<&str> = plan.keys.iter().map(|key| key.key.as_str()).collect();
    ensure!(keys == ["motd"], "the plan is about {keys:?}");
    ensure!(motd(&node)? == "first", "it was taken by itself");

    let request = UserDataRequest { plan: Some(plan.id), confirm_seconds: None };
    node.client()?.apply_user_data(&request)?;
    ensure!(motd(&node)? == "second", "it was applied and has no effect");
    node.reboots()?;
    ensure!(motd(&node)? == "second", "it did not stay");
    ensure!(node.client()?.user_data()?.state == UserDataState::Taken);
    node.stops_at_the_power_button()
}

fn motd(node: &Node) -> Result<String> {
    let settings = node.client()?.settings(None)?;
    Ok(settings["motd"].as_str().unwrap_or_default().to_owned())
}
