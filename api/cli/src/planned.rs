//! `plan`: what a change would do; also what `--dry-run` shows.

use std::io::{Read, Write};

use ampoule_api_client::Client;
use ampoule_api_types::v1::{Plan, PlanRequest, PlannedKey, PlannedReason, PlannedWorkload};
use clap::Args;
use serde_json::{Map, Value};

use crate::{CliError, OutputFormat, document, merge::merge, output, output::printable};

/// What to plan.
#[derive(Args, Clone, Debug)]
pub struct PlanArgs {
    /// Files (TOML or JSON with a [settings] table), URIs, or - for standard input
    #[arg(value_name = "FILE", required_unless_present_any = ["unset", "tx"])]
    pub sources: Vec<String>,
    /// Keys that go back to their default
    #[arg(long, value_name = "KEY", num_args = 1..)]
    pub unset: Vec<String>,
    /// What is pending in this transaction
    #[arg(long, value_name = "NAME", conflicts_with_all = ["sources", "unset"])]
    pub tx: Option<String>,
    /// For people or for programs
    #[arg(short, long, value_enum, default_value_t)]
    pub output: OutputFormat,
}

pub(crate) fn run(client: &Client, args: &PlanArgs, input: &mut dyn Read, out: &mut dyn Write) -> Result<(), CliError> {
    let plan = match &args.tx {
        Some(tx) => client.plan_of(tx)?,
        None => client.plan(&request(args, input)?)?,
    };
    show(out, &plan, args.output)
}

fn request(args: &PlanArgs, input: &mut dyn Read) -> Result<PlanRequest, CliError> {
    let mut settings = Value::Object(Map::new());
    for source in &args.sources {
        merge(&mut settings, document::read(source, input)?);
    }
    let settings = (!args.sources.is_empty()).then_some(settings);
    Ok(PlanRequest { settings, unset: args.unset.clone() })
}

/// Prints a plan. An empty one is one sentence.
pub(crate) fn show(out: &mut dyn Write, plan: &Plan, format: OutputFormat) -> Result<(), CliError> {
    if format == OutputFormat::Json {
        return output::json(out, plan);
    }
    if plan.keys.is_empty() && plan.files.is_empty() && plan.services.is_empty() {
        writeln!(out, "Nothing would change.")?;
        return Ok(());
    }
    writeln!(out, "plan {}", plan.id)?;
    section(out, "settings", plan.keys.iter().map(key))?;
    section(out, "files", plan.files.iter().map(|file| format!("{} {}", file.change, file.path)))?;
    section(out, "services", plan.services.iter().map(|s| format!("{} {} ({})", s.action, s.service, s.because.join(", "))))?;
    section(out, "workloads", plan.workloads.iter().map(workload))?;
    section(out, "remote API", plan.remote_api.then(|| "opened, closed or changed".to_owned()).into_iter())?;
    section(out, "effect at the next boot only", plan.reboot.iter().map(reason))?;
    section(out, "may cut off whoever changes it", plan.access.iter().map(reason))?;
    section(out, "without effect on this image", plan.without_effect.iter().cloned())
}

fn section(out: &mut dyn Write, head: &str, lines: impl Iterator<Item = String>) -> Result<(), CliError> {
    let mut lines = lines.peekable();
    if lines.peek().is_some() {
        writeln!(out, "{head}:")?;
    }
    for line in lines {
        writeln!(out, "  {}", printable(&line))?;
    }
    Ok(())
}

/// `network.hostname: "a" → "b"`.
pub(crate) fn key(key: &PlannedKey) -> String {
    let shown = |value: &Option<Value>| match value {
        _ if key.secret => "(secret)".to_owned(),
        Some(value) => value.to_string(),
        None => "(none)".to_owned(),
    };
    format!("{}: {} → {}", key.key, shown(&key.old), shown(&key.new))
}

fn workload(workload: &PlannedWorkload) -> String {
    let notes: String = workload.notes.iter().map(|note| format!("; {note}")).collect();
    format!("{} {}{notes}", workload.change, workload.name)
}

fn reason(reason: &PlannedReason) -> String {
    format!("{}: {}", reason.key, reason.why)
}
