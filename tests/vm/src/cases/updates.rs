//! Updates through firmware and boot loader: used, gone back from, and taken back by the node itself.

use ampoule_api_types::v1::{BootTrialState, Updates};
use ampoule_api_types::{CommandResult, UpdateState};
use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use crate::{
    context::Context,
    framework::{Node, within},
    runner::Case,
    software::{Behaviour, Flaw, Release, UpdateServer},
};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "an_update_is_used_and_gone_back_from",
        about: "an update fetches little more than what changed, is tried and found good; settings and volumes stay, also on the way back by hand",
        limit: within(1800),
        soak: false,
        run: an_update_is_used_and_gone_back_from,
    },
    Case {
        name: "an_update_that_panics_returns",
        about: "a release whose kernel panics: the node comes back with the version before, says why, and does not try again until told to",
        limit: within(1500),
        soak: false,
        run: |context| returns(context, Flaw::NoInit, within(600)),
    },
    Case {
        name: "an_update_without_an_api_returns",
        about: "a release whose API server does not start: the node goes back by itself when the time for its health is over",
        limit: within(1500),
        soak: false,
        run: |context| returns(context, Flaw::NoApi, within(600)),
    },
    Case {
        name: "soak_an_update_with_a_broken_kernel_returns",
        about: "a release whose kernel cannot be unpacked: the firmware's own watchdog, five minutes for each try, brings the node back",
        limit: within(3000),
        soak: true,
        run: |context| returns(context, Flaw::BrokenKernel, within(2100)),
    },
    Case {
        name: "mirrors_that_lie_or_know_no_ranges",
        about: "a mirror that changes bytes is named and nothing of it is used; one without ranges costs more and does the same",
        limit: within(1200),
        soak: false,
        run: mirrors_that_lie_or_know_no_ranges,
    },
];

/// Counts its starts in a volume.
const COUNTER: &str = "[workloads.counter]\nimage = \"{image}\"\nvolumes = [\"data:/data\"]\n\
    command = [\"/bin/sh\", \"-c\", 'n=$(head -n 1 /data/n 2>/dev/null); n=$((n + 1)); echo $n > /data/n; echo start $n; exec sleep infinity']\n";

/// A release after the image under test, on a server. The first is taken by nodes that have the settings of the second.
pub(super) fn offered(context: &Context, flaw: Flaw) -> Result<(Release, UpdateServer)> {
    let release = Release::after(&context.probe_image()?, &context.folder().join("next"), flaw)?;
    let repository = context.folder().join("repository");
    release.publish(&repository)?;
    Ok((release, UpdateServer::start(&repository, Behaviour::Honest)?))
}

fn started(context: &Context, settings: &str, registry: Option<&str>) -> Result<Node> {
    let plan = context.node_with_probe()?.through_firmware().with_settings(settings);
    let plan = match registry {
        Some(address) => plan.trusting_registry(address),
        None => plan,
    };
    let mut node = plan.start()?;
    node.boots()?;
    is_good(&mut node)?;
    Ok(node)
}

fn updates(node: &Node) -> Result<Updates> {
    Ok(node.client()?.updates()?)
}

pub(super) fn version(node: &Node) -> Result<String> {
    Ok(node.client()?.os()?.version_id)
}

/// Waits until the running version is what the node boots.
pub(super) fn is_good(node: &mut Node) -> Result<()> {
    node.eventually("the boot is good", within(300), |node| {
        let now = updates(node)?;
        ensure!(now.boot.state != BootTrialState::Trial && now.status.update_state == UpdateState::Idle, "{now:?}");
        Ok(())
    })
}

/// Asks for something and waits for its end.
fn asks(node: &mut Node, action: &str, command: &str) -> Result<CommandResult> {
    let before = updates(node)?.status.most_recent_command;
    node.client()?.action(action)?;
    node.eventually(&format!("{command} ends"), within(420), |node| {
        let last = updates(node)?.status.most_recent_command.filter(|last| Some(last) != before.as_ref() && last.cmd_type == command);
        last.filter(|last| last.cmd_status != "Unknown").with_context(|| format!("{command} runs"))
    })
}

fn succeeds(node: &mut Node, action: &str, command: &str) -> Result<()> {
    let ended = asks(node, action, command)?;
    ensure!(ended.cmd_status == "Success", "{ended:?}");
    Ok(())
}

/// From nothing to what the next boot runs.
pub(super) fn installs(node: &mut Node, version: &str) -> Result<()> {
    succeeds(node, "refresh-updates", "refresh")?;
    let chosen = updates(node)?.status.chosen_update.map(|image| image.version);
    ensure!(chosen.as_deref() == Some(version), "chosen is {chosen:?}");
    succeeds(node, "prepare-update", "prepare")?;
    succeeds(node, "activate-update", "activate")?;
    ensure!(updates(node)?.status.update_state == UpdateState::Ready);
    Ok(())
}

fn an_update_is_used_and_gone_back_from(context: &Context) -> Result<()> {
    let registry = context.registry()?;
    let image = registry.image("shell")?;
    let (release, server) = offered(context, Flaw::None)?;
    let settings = format!("{}{}", server.settings(), COUNTER.replace("{image}", &image));
    let mut node = started(context, &settings, Some(&registry.address()))?;
    let old = version(&node)?;
    node.set(json!({ "motd": "from before" }))?;
    counts_to(&mut node, 1)?;

    succeeds(&mut node, "refresh-updates", "refresh")?;
    let plan = node.client()?.update_plan()?;
    ensure!((plan.from.as_str(), plan.to.as_str()) == (old.as_str(), release.version.as_str()) && plan.reboot, "{plan:?}");
    ensure!(plan.workloads == ["counter"], "{plan:?}");
    ensure!(plan.fetch_bytes < release.root_bytes / 4, "it would fetch {} of {} bytes", plan.fetch_bytes, release.root_bytes);
    installs(&mut node, &release.version)?;
    ensure!(server.sent() < release.root_bytes / 2, "{} bytes were sent for a change of a few", server.sent());

    node.reboots()?;
    ensure!(version(&node)? == release.version, "it runs {}", version(&node)?);
    is_good(&mut node)?;
    is_as_before(&mut node, 2)?;

    let restarts = node.restarts();
    node.client()?.rollback_update()?;
    node.eventually("the version before runs again", within(300), |node| {
        ensure!(node.restarts() > restarts && version(node)? == old, "not yet");
        Ok(())
    })?;
    is_as_before(&mut node, 3)?;
    let bad = updates(&node)?.bad_versions;
    ensure!(bad.len() == 1 && bad[0].version == release.version && !bad[0].reason.is_empty(), "{bad:?}");
    node.stops_at_the_power_button()
}

fn is_as_before(node: &mut Node, starts: u32) -> Result<()> {
    let settings = node.client()?.settings(Some("settings.motd"))?;
    ensure!(settings.to_string().contains("from before"), "{settings}");
    counts_to(node, starts)
}

fn counts_to(node: &mut Node, starts: u32) -> Result<()> {
    node.runs("counter")?;
    node.eventually("the volume is the same", within(60), |node| {
        let said = node.log_of("workload/counter")?;
        ensure!(said.last().is_some_and(|line| line.text == format!("start {starts}")), "{said:?}");
        Ok(())
    })
}

/// The node comes back by itself, once, and knows why.
fn returns(context: &Context, flaw: Flaw, limit: std::time::Duration) -> Result<()> {
    let (release, server) = offered(context, flaw)?;
    let mut node = started(context, &server.settings(), None)?;
    let (old, restarts) = (version(&node)?, node.restarts());
    installs(&mut node, &release.version)?;
    node.client()?.reboot()?;
    let after = node.eventually("the version before runs again and says so", limit, |node| {
        let now = updates(node)?;
        ensure!(version(node)? == old && now.boot.state == BootTrialState::FellBack, "{now:?}");
        Ok(now)
    })?;
    // The restart that was asked for, at most three tries, and the way back.
    let times = node.restarts() - restarts;
    ensure!(times <= 5, "{times} restarts");
    let bad = after.bad_versions.iter().find(|bad| bad.version == release.version).context("the bad version is not remembered")?;
    ensure!(!bad.reason.is_empty() && after.boot.reason.is_some_and(|why| !why.is_empty()), "nobody says why: {bad:?}");

    is_good(&mut node)?;
    succeeds(&mut node, "refresh-updates", "refresh")?;
    ensure!(updates(&node)?.status.chosen_update.is_none(), "it would be tried again");
    node.client()?.forgive_update(&release.version)?;
    succeeds(&mut node, "refresh-updates", "refresh")?;
    ensure!(updates(&node)?.status.chosen_update.is_some(), "forgiven, it is not offered");
    node.stops_at_the_power_button()
}

fn mirrors_that_lie_or_know_no_ranges(context: &Context) -> Result<()> {
    let (release, server) = offered(context, Flaw::None)?;
    let repository = context.folder().join("repository");
    let lying = UpdateServer::start(&repository, Behaviour::Lie("root.erofs"))?;
    let plain = UpdateServer::start(&repository, Behaviour::NoRanges)?;
    let mut node = started(context, &server.settings(), None)?;

    node.set(json!({ "updates": { "targets-base-url": lying.targets() } }))?;
    succeeds(&mut node, "refresh-updates", "refresh")?;
    let refused = asks(&mut node, "prepare-update", "prepare")?;
    ensure!(refused.cmd_status == "Failed" && refused.stderr.as_deref().is_some_and(|why| why.contains("root.erofs")), "{refused:?}");
    ensure!(updates(&node)?.status.update_state == UpdateState::Available);

    node.set(json!({ "updates": { "targets-base-url": plain.targets() } }))?;
    succeeds(&mut node, "prepare-update", "prepare")?;
    ensure!(updates(&node)?.status.update_state == UpdateState::Staged);
    ensure!(plain.sent() >= release.root_bytes, "{} bytes are not the whole root", plain.sent());
    node.stops_at_the_power_button()
}
