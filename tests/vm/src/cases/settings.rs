//! A change of settings that nobody confirms, or that does harm, comes back by itself; nothing is lost and nothing is half done.

use ampoule_api_client::{Client, ClientError};
use ampoule_api_types::v1::{ApplyReport, ApplyRequest, ApplyState, GenerationOrigin};
use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use crate::{
    context::Context,
    framework::{Node, within},
    runner::Case,
};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "unconfirmed_settings_return",
        about: "without a confirmation the settings before return: in time, over a reboot, and over a power cut; what was confirmed stays",
        limit: within(900),
        soak: false,
        run: unconfirmed_settings_return,
    },
    Case {
        name: "settings_that_panic_the_kernel_return",
        about: "a sysctl that panics the kernel costs two boots and comes back by itself",
        limit: within(900),
        soak: false,
        run: settings_that_panic_the_kernel_return,
    },
    Case {
        name: "a_sysctl_the_kernel_refuses_is_taken_back",
        about: "a change that a service cannot carry out is taken back at once, and whoever made it is told why",
        limit: within(300),
        soak: false,
        run: a_sysctl_the_kernel_refuses_is_taken_back,
    },
    Case {
        name: "name_servers_that_lead_nowhere_return",
        about: "name servers that cut the node off return when nobody confirms them",
        limit: within(300),
        soak: false,
        run: name_servers_that_lead_nowhere_return,
    },
    Case {
        name: "two_writers_do_not_mix",
        about: "two clients change different settings at once, again and again: all of it is there in the end",
        limit: within(300),
        soak: false,
        run: two_writers_do_not_mix,
    },
    Case {
        name: "a_damaged_generation_is_left_out",
        about: "a bit turned in the newest settings while the node is off: it comes up with the ones before, and console and API say so",
        limit: within(300),
        soak: false,
        run: a_damaged_generation_is_left_out,
    },
    Case {
        name: "a_full_state_refuses_changes",
        about: "without room on STATE the node boots and answers, a change is refused whole, and works again once there is room",
        limit: within(480),
        soak: false,
        run: a_full_state_refuses_changes,
    },
    Case {
        name: "settings_without_a_reader_are_kept",
        about: "settings of a part that this image lacks are stored, the plan says that they have no effect, and nothing happens",
        limit: within(300),
        soak: false,
        run: settings_without_a_reader_are_kept,
    },
];

fn motd(node: &Node) -> Result<String> {
    let settings = node.client()?.settings(None)?;
    Ok(settings["motd"].as_str().unwrap_or_default().to_owned())
}

fn request(settings: Value, confirm_seconds: Option<u64>) -> ApplyRequest {
    ApplyRequest { settings: Some(settings), confirm_seconds, ..ApplyRequest::default() }
}

fn apply(node: &Node, settings: Value, confirm_seconds: Option<u64>) -> Result<ApplyReport> {
    Ok(node.client()?.apply(&request(settings, confirm_seconds))?)
}

fn returns_to(node: &mut Node, motd_before: &str, seconds: u64) -> Result<()> {
    node.eventually(&format!("{motd_before:?} is back"), within(seconds), |node| {
        let now = motd(node)?;
        ensure!(now == motd_before, "it is {now:?}");
        Ok(())
    })
}

fn unconfirmed_settings_return(context: &Context) -> Result<()> {
    let mut node = context.node().with_settings("motd = \"first\"\n").start()?;
    node.boots()?;

    apply(&node, json!({ "motd": "nobody confirms" }), Some(15))?;
    ensure!(motd(&node)? == "nobody confirms");
    returns_to(&mut node, "first", 90)?;

    let report = apply(&node, json!({ "motd": "confirmed" }), Some(600))?;
    node.client()?.confirm(report.generation)?;
    apply(&node, json!({ "motd": "seen by nobody" }), Some(600))?;
    node.reboots().context("the first boot after the change")?;
    ensure!(motd(&node)? == "seen by nobody", "a change that needs a reboot could never be confirmed");
    // The node's disk has all of it before the answer came, so the power may go at any time.
    node.loses_power()?;
    let mut node = node.starts_again()?;
    node.boots().context("the second boot after the change")?;
    returns_to(&mut node, "confirmed", 30)?;

    // The node's own name may have come after it, on its own trial.
    is_confirmed(&mut node)?;
    let history = node.client()?.generations()?;
    ensure!(history.standing.confirmed == history.standing.in_force, "{:?}", history.standing);
    ensure!(motd(&node)? == "confirmed");
    Ok(())
}

fn settings_that_panic_the_kernel_return(context: &Context) -> Result<()> {
    // A node that would rather start anew than end programs; harmless until memory runs out.
    let before = "motd = \"before\"\n[kernel.sysctl]\n\"vm.panic_on_oom\" = \"2\"\n";
    // In the second boot that it may be tried in memory can run out before that is set again; then programs end until none is left and the kernel stands still.
    let mut node = context.node().with_watchdog().with_settings(before).start()?;
    node.boots()?;
    // More memory is kept free than there is: the next allocation ends in a panic.
    let deadly = json!({ "motd": "deadly", "kernel": { "sysctl": { "vm.min_free_kbytes": "2000000" } } });
    // The answer does not come.
    let _ = node.client()?.with_timeout(within(60)).apply(&request(deadly, None));
    node.panics(within(120))?;
    node.eventually("the node has come up with the settings before", within(420), |node| {
        let settings = node.client()?.with_timeout(within(5)).settings(None)?;
        ensure!(settings["motd"] == "before", "{}", settings["motd"]);
        ensure!(settings["kernel"]["sysctl"].get("vm.min_free_kbytes").is_none(), "the sysctl is still there");
        Ok(())
    })?;
    node.boots()?;
    // What the node makes itself, such as its name, may have come after it.
    let history = node.client()?.generations()?.generations;
    ensure!(history.iter().any(|one| matches!(one.origin, GenerationOrigin::Rollback { .. })), "{history:?}");
    Ok(())
}

fn a_sysctl_the_kernel_refuses_is_taken_back(context: &Context) -> Result<()> {
    let mut node = context.node().with_settings("motd = \"before\"\n").start()?;
    node.boots()?;
    let refused = apply(&node, json!({ "motd": "after", "kernel": { "sysctl": { "net.core.somaxconn": "no number" } } }), None);
    let told = match refused {
        Err(error) => format!("{error:#}"),
        Ok(report) => {
            ensure!(report.state == ApplyState::RolledBack, "{report:?}");
            report.reason.unwrap_or_default()
        }
    };
    ensure!(told.contains("kernel-settings"), "whoever made the change was not told why: {told}");
    returns_to(&mut node, "before", 60)
}

fn name_servers_that_lead_nowhere_return(context: &Context) -> Result<()> {
    let mut node = context.node().start()?;
    node.boots()?;
    let servers = |node: &Node| -> Result<String> { Ok(node.client()?.network()?.name_servers.join(" ")) };
    let before = node.eventually("there are name servers", within(60), |node| {
        let now = servers(node)?;
        ensure!(!now.is_empty(), "none yet");
        Ok(now)
    })?;
    let plan = json!({ "dns": { "name-servers": ["192.0.2.1"] } });
    let report = apply(&node, plan, Some(10))?;
    ensure!(report.services.iter().any(|s| s.service == "netd"), "{report:?}");
    node.eventually("the new name server is used", within(30), |node| {
        let now = servers(node)?;
        ensure!(now.contains("192.0.2.1") || now == before, "{now}");
        Ok(())
    })?;
    node.eventually("the name servers before are back", within(90), |node| {
        let standing = node.client()?.generations()?.standing;
        ensure!(standing.trial.is_none(), "{standing:?}");
        let now = servers(node)?;
        ensure!(now == before, "{now}, not {before}");
        Ok(())
    })
}

/// Each writer has a setting of its own; a commit that took the other's transaction, or lost it, would show in the end.
fn two_writers_do_not_mix(context: &Context) -> Result<()> {
    const ROUNDS: u32 = 6;
    let mut node = context.node().start()?;
    node.boots()?;
    let writers =
        [("a", node.client()?), ("b", node.client()?)].map(|(name, client)| std::thread::spawn(move || write(name, &client, ROUNDS)));
    for writer in writers {
        writer.join().map_err(|_| anyhow::anyhow!("a writer panicked"))??;
    }
    let settings = node.client()?.settings(None)?;
    for name in ["a", "b"] {
        let value = &settings["kernel"]["sysctl"][key(name)];
        ensure!(value.as_str() == Some(&(1000 + ROUNDS).to_string()), "the last write of {name} is lost: {settings}");
    }
    let generations = node.client()?.generations()?.generations;
    let changes = generations.iter().filter(|g| matches!(g.origin, GenerationOrigin::Api)).count();
    ensure!(changes == 2 * ROUNDS as usize, "{changes} generations for {} changes", 2 * ROUNDS);
    Ok(())
}

fn key(name: &str) -> &'static str {
    if name == "a" { "net.core.somaxconn" } else { "net.core.netdev_max_backlog" }
}

fn write(name: &str, client: &Client, rounds: u32) -> Result<()> {
    for round in 1..=rounds {
        client.change_settings(&json!({ "kernel": { "sysctl": { key(name): (1000 + round).to_string() } } }))?;
    }
    Ok(())
}

fn a_damaged_generation_is_left_out(context: &Context) -> Result<()> {
    let mut node = context.node().with_settings("motd = \"from the first boot\"\n").start()?;
    node.boots()?;
    node.set(json!({ "motd": "settings that are whole" }))?;
    node.set(json!({ "motd": "settings to be damaged" }))?;
    is_confirmed(&mut node)?;
    node.stops_at_the_power_button()?;
    node.changes_partition("STATE", |state| state.damage("settings to be damaged"))?;

    let mut node = node.starts_again()?;
    node.boots()?;
    ensure!(motd(&node)? == "settings that are whole", "it runs with {:?}", motd(&node)?);
    node.shows("is damaged and was left out", within(10))?;
    let history = node.client()?.generations()?;
    ensure!(history.damaged.len() == 1, "the API tells of no damage: {:?}", history.damaged);
    let number = history.standing.in_force;
    node.set(json!({ "motd": "settings after that" }))?;
    let after = node.client()?.generations()?.standing.in_force;
    ensure!(after == number + 2, "generation {after} has the number of the damaged one");
    node.stops_at_the_power_button()
}

fn a_full_state_refuses_changes(context: &Context) -> Result<()> {
    let mut node = context.node().with_settings("motd = \"before\"\n").start()?;
    node.boots()?;
    is_confirmed(&mut node)?;
    node.stops_at_the_power_button()?;
    node.changes_partition("STATE", |state| state.fill("filler"))?;

    let mut node = node.starts_again()?;
    node.boots().context("with a full STATE")?;
    let number = node.client()?.generations()?.standing.in_force;
    let refused = node.client()?.apply(&request(json!({ "motd": "after" }), None));
    let Err(ClientError::Refused { status, message, .. }) = refused else { bail!("it was not refused: {refused:?}") };
    ensure!(status == 507 && message.contains("could not be stored"), "{status}: {message}");
    ensure!(motd(&node)? == "before", "half of it was taken");
    let standing = node.client()?.generations()?.standing;
    ensure!(standing.in_force == number && standing.trial.is_none(), "{standing:?}");
    node.stops_at_the_power_button()?;
    node.changes_partition("STATE", |state| state.remove("filler"))?;

    let mut node = node.starts_again()?;
    node.boots()?;
    ensure!(motd(&node)? == "before");
    node.set(json!({ "motd": "after" }))?;
    node.reboots()?;
    ensure!(motd(&node)? == "after", "what was stored after that did not stay");
    Ok(())
}

pub(super) fn is_confirmed(node: &mut Node) -> Result<()> {
    node.eventually("the settings are confirmed", within(60), |node| {
        let standing = node.client()?.generations()?.standing;
        ensure!(standing.trial.is_none(), "{standing:?}");
        Ok(())
    })
}

/// The test image has every namespace and no kubelet.
fn settings_without_a_reader_are_kept(context: &Context) -> Result<()> {
    let mut node = context.node_with_probe()?.start()?;
    node.boots()?;
    let report = apply(&node, json!({ "kubernetes": { "cluster-name": "somewhere", "max-pods": 42 } }), None)?;
    ensure!(report.files.is_empty() && report.services.is_empty(), "{report:?}");
    let plan = node.client()?.call(
        ampoule_api_client::Method::Post,
        "/v1/plan",
        Some(json!({ "settings": { "kubernetes": { "cluster-name": "elsewhere" } } }).to_string().as_bytes()),
    )?;
    let plan: Value = serde_json::from_slice(&plan.body)?;
    ensure!(plan["without-effect"] == json!(["kubernetes.cluster-name"]), "{plan}");
    let settings = node.client()?.settings(None)?;
    ensure!(settings["kubernetes"]["max-pods"] == 42, "{settings}");
    node.reboots()?;
    let settings = node.client()?.settings(None)?;
    ensure!(settings["kubernetes"]["cluster-name"] == "somewhere", "{settings}");
    Ok(())
}
