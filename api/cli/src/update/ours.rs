//! What Bottlerocket's tool does not have: what an update would cost, how it stands, and the way back.

use std::io::Write;

use ampoule_api_client::Client;
use ampoule_api_types::StagedImage;
use ampoule_api_types::v1::{BootTrial, BootTrialState, UpdatePlan, UpdateProgress, Updates};

use crate::{
    CliError, OutputFormat,
    output::{self, printable, size},
};

pub(super) fn plan(client: &Client, format: OutputFormat, out: &mut dyn Write) -> Result<(), CliError> {
    let plan = client.update_plan()?;
    match format {
        OutputFormat::Json => output::json(out, &plan),
        OutputFormat::Table => facts(out, &planned(&plan)),
    }
}

pub(super) fn status(client: &Client, format: OutputFormat, out: &mut dyn Write) -> Result<(), CliError> {
    let updates = client.updates()?;
    if format == OutputFormat::Json {
        return output::json(out, &updates);
    }
    facts(out, &standing(&updates))?;
    if updates.bad_versions.is_empty() {
        return Ok(());
    }
    let rows: Vec<Vec<String>> =
        updates.bad_versions.iter().map(|bad| vec![bad.version.clone(), bad.since.replace('T', " "), bad.reason.clone()]).collect();
    writeln!(out, "\nNot tried again until `update forgive VERSION`:")?;
    output::table(out, &["VERSION", "SINCE", "REASON"], &rows)
}

pub(super) fn rollback(client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    client.rollback_update()?;
    writeln!(out, "The node restarts and runs the version before.")?;
    Ok(())
}

pub(super) fn forgive(client: &Client, version: &str, out: &mut dyn Write) -> Result<(), CliError> {
    client.forgive_update(version)?;
    writeln!(out, "Version {version} may be tried again.")?;
    Ok(())
}

/// Pairs of a name and what there is to say of it.
type Facts = Vec<(&'static str, String)>;

fn facts(out: &mut dyn Write, facts: &Facts) -> Result<(), CliError> {
    for (name, fact) in facts {
        writeln!(out, "{name:<10}{}", printable(fact))?;
    }
    Ok(())
}

fn planned(plan: &UpdatePlan) -> Facts {
    let requests = if plan.requests == 1 { "request" } else { "requests" };
    vec![
        ("version", format!("{} → {}", plan.from, plan.to)),
        ("fetch", format!("{} in {} {requests}; {} are here already", size(plan.fetch_bytes), plan.requests, size(plan.reuse_bytes))),
        ("settings", if plan.migrations.is_empty() { "stay as they are".to_owned() } else { plan.migrations.join(", ") }),
        ("reboot", if plan.reboot { "needed" } else { "not needed" }.to_owned()),
        (
            "workloads",
            if plan.workloads.is_empty() {
                "none is interrupted".to_owned()
            } else {
                format!("away meanwhile: {}", plan.workloads.join(", "))
            },
        ),
    ]
}

fn standing(updates: &Updates) -> Facts {
    let status = &updates.status;
    let mut facts = vec![("state", format!("{:?}", status.update_state))];
    facts.extend(status.active_partition.as_ref().map(|running| ("running", running.image.version.clone())));
    facts.push(("boot", boot(&updates.boot)));
    facts.extend((!status.available_updates.is_empty()).then(|| ("offered", status.available_updates.join(", "))));
    facts.extend(status.chosen_update.as_ref().map(|chosen| ("chosen", chosen.version.clone())));
    facts.extend(status.staging_partition.as_ref().map(|staged| ("idle slot", slot(staged))));
    facts.extend(updates.progress.as_ref().map(|progress| ("now", far(progress))));
    facts.extend(status.most_recent_command.as_ref().map(|last| {
        let why = because(last.stderr.as_deref());
        ("last", format!("{} {} {}{why}", last.timestamp.replace('T', " "), last.cmd_type, last.cmd_status))
    }));
    facts
}

fn slot(staged: &StagedImage) -> String {
    format!("{}{}", staged.image.version, if staged.next_to_boot { ", what the next boot runs" } else { "" })
}

fn boot(boot: &BootTrial) -> String {
    let mut text = match boot.state {
        BootTrialState::Trial => "on trial".to_owned(),
        BootTrialState::Good => "good".to_owned(),
        BootTrialState::FellBack => "the version before, after one that was not good".to_owned(),
        BootTrialState::Unknown => "in a state that this program does not know".to_owned(),
    };
    if !boot.waits_for.is_empty() {
        text += &format!(", waits for {}", boot.waits_for.join(", "));
    }
    if let Some(seconds) = boot.seconds_left {
        text += &format!(", goes back in {seconds} s");
    }
    text + &because(boot.reason.as_deref())
}

/// A reason, if there is one.
fn because(why: Option<&str>) -> String {
    why.filter(|why| !why.is_empty()).map(|why| format!(": {why}")).unwrap_or_default()
}

fn far(progress: &UpdateProgress) -> String {
    let UpdateProgress { command, step, done_bytes, total_bytes, fetched_bytes } = progress;
    match total_bytes {
        0 => format!("{command}: {step}"),
        total => format!("{command}: {step}, {} of {} in place, {} fetched", size(*done_bytes), size(*total), size(*fetched_bytes)),
    }
}
