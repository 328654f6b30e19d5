//! Updates through firmware and boot loader: used, and gone back from by hand.

use ampoule_api_types::v1::{BootTrialState, Updates};
use ampoule_api_types::{CommandResult, UpdateState};
use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use crate::{
    context::Context,
    framework::{Node, NodePlan, within},
    runner::Case,
    software::{Behaviour, Change, MOVED, Release, UpdateServer},
};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "an_update_is_used_and_gone_back_from",
        about: "an update fetches little more than what changed in 32 MiB of memory, is tried and found good; settings take the form of each version and volumes stay, also on the way back by hand; no variable of the firmware can be written meanwhile",
        limit: within(1800),
        soak: false,
        run: an_update_is_used_and_gone_back_from,
    },
    Case {
        name: "mirrors_that_lie_or_know_no_ranges",
        about: "a mirror that changes bytes is named and nothing of it is used; one without ranges costs more and does the same",
        limit: within(1200),
        soak: false,
        run: mirrors_that_lie_or_know_no_ranges,
    },
];

/// Most memory of each of the two programs, in bytes.
const MEMORY: u64 = 32 << 20;

/// Counts its starts in a volume.
const COUNTER: &str = "[workloads.counter]\nimage = \"{image}\"\nvolumes = [\"data:/data\"]\n\
    command = [\"/bin/sh\", \"-c\", 'n=$(head -n 1 /data/n 2>/dev/null); n=$((n + 1)); echo $n > /data/n; echo start $n; exec sleep infinity']\n";

/// A release after the image under test, on a server. The first is taken by nodes that have the settings of the second.
pub(super) fn offered(context: &Context, change: Change) -> Result<(Release, UpdateServer)> {
    let release = Release::after(&context.probe_image()?, &context.folder().join("next"), change)?;
    let repository = context.folder().join("repository");
    release.publish(&repository)?;
    Ok((release, UpdateServer::start(&repository, Behaviour::Honest)?))
}

/// Starts a node through firmware, and waits until it takes updates.
pub(super) fn started(plan: NodePlan) -> Result<Node> {
    let mut node = plan.through_firmware().start()?;
    node.boots()?;
    is_good(&mut node)?;
    Ok(node)
}

pub(super) fn updates(node: &Node) -> Result<Updates> {
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

/// Waits until the boot loader is the one that came with the running version, which was found good.
pub(super) fn takes_its_loader(node: &mut Node) -> Result<()> {
    let said = format!("the boot loader is the one of version {}", version(node)?);
    node.eventually(&said, within(60), |node| {
        ensure!(node.log_of("updated")?.iter().any(|line| line.text.contains(&said)), "not yet");
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

pub(super) fn succeeds(node: &mut Node, action: &str, command: &str) -> Result<()> {
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
    let (release, server) = offered(context, Change::Settings)?;
    let settings = format!("{}{}", server.settings(), COUNTER.replace("{image}", &image));
    let plan = context.node_with_probe()?.with_settings(&settings).trusting_registry(&registry.address());
    let mut node = started(plan.with_read_only_variables())?;
    let old = version(&node)?;
    node.set(json!({ "motd": "from before", "network": { "hostname": "named-before" } }))?;
    counts_to(&mut node, 1)?;

    succeeds(&mut node, "refresh-updates", "refresh")?;
    let plan = node.client()?.update_plan()?;
    ensure!((plan.from.as_str(), plan.to.as_str()) == (old.as_str(), release.version.as_str()) && plan.reboot, "{plan:?}");
    ensure!(plan.workloads == ["counter"], "{plan:?}");
    ensure!(matches!(&plan.migrations[..], [step] if step.ends_with(MOVED)), "{plan:?}");
    ensure!(plan.fetch_bytes < release.root_bytes / 4, "it would fetch {} of {} bytes", plan.fetch_bytes, release.root_bytes);
    installs(&mut node, &release.version)?;
    took_little_memory(&node)?;
    ensure!(server.sent() < release.root_bytes / 2, "{} bytes were sent for a change of a few", server.sent());

    node.reboots()?;
    ensure!(version(&node)? == release.version, "it runs {}", version(&node)?);
    is_good(&mut node)?;
    takes_its_loader(&mut node)?;
    is_set(&node, "motd", "named-before")?;
    ensure!(is_set(&node, "network.hostname", "named-before").is_err(), "it is still there");
    counts_to(&mut node, 2)?;

    let restarts = node.restarts();
    node.client()?.rollback_update()?;
    node.eventually("the version before runs again", within(300), |node| {
        ensure!(node.restarts() > restarts && version(node)? == old, "not yet");
        Ok(())
    })?;
    is_set(&node, "motd", "from before")?;
    is_set(&node, "network.hostname", "named-before")?;
    counts_to(&mut node, 3)?;
    let bad = updates(&node)?.bad_versions;
    ensure!(bad.len() == 1 && bad[0].version == release.version && !bad[0].reason.is_empty(), "{bad:?}");
    node.stops_at_the_power_button()
}

/// Each of the two programs has a limit that the kernel keeps, files in memory included; one that needed more would have been ended.
fn took_little_memory(node: &Node) -> Result<()> {
    let page: Vec<String> = node.client()?.lines("/v1/metrics")?.collect::<Result<_, _>>()?;
    for service in ["updated", "update-fetcher"] {
        let mark = format!("ampoule_service_memory_peak_bytes{{service=\"{service}\"}} ");
        let peak = page.iter().find_map(|line| line.strip_prefix(&mark)).with_context(|| format!("no peak of {service}"))?;
        let peak: u64 = peak.trim().parse()?;
        println!("     {service} had at most {} KiB of memory", peak >> 10);
        ensure!(peak <= MEMORY, "{service} had {peak} bytes");
        let restarts = node.service(service)?.restarts;
        ensure!(restarts == 0, "{service} was started again {restarts} times");
    }
    Ok(())
}

fn is_set(node: &Node, key: &str, value: &str) -> Result<()> {
    let settings = node.client()?.settings(None)?;
    let pointer = format!("/{}", key.replace('.', "/"));
    ensure!(settings.pointer(&pointer).is_some_and(|found| found == value), "{key} is not {value}: {settings}");
    Ok(())
}

fn counts_to(node: &mut Node, starts: u32) -> Result<()> {
    node.runs("counter")?;
    node.eventually("the volume is the same", within(60), |node| {
        let said = node.log_of("workload/counter")?;
        ensure!(said.last().is_some_and(|line| line.text == format!("start {starts}")), "{said:?}");
        Ok(())
    })
}

fn mirrors_that_lie_or_know_no_ranges(context: &Context) -> Result<()> {
    let (release, server) = offered(context, Change::None)?;
    let repository = context.folder().join("repository");
    let lying = UpdateServer::start(&repository, Behaviour::Lie("root.erofs"))?;
    let plain = UpdateServer::start(&repository, Behaviour::NoRanges)?;
    let mut node = started(context.node_with_probe()?.with_settings(&server.settings()))?;

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
