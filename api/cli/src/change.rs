//! What commands that change settings have in common: the plan first, a time to confirm, a transaction of their own.

use std::{
    io::Write,
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use ampoule_api_client::{Client, ClientError};
use ampoule_api_types::v1::{ApplyReport, ApplyRequest, ApplyState, ErrorCode, PlanRequest};
use clap::Args;

use crate::{CliError, OutputFormat, output, planned};

/// How often a running apply is looked at.
const PAUSE: Duration = Duration::from_millis(200);

/// How long an apply may take until it is told as it stands; services may take a minute to get ready.
const PATIENCE: Duration = Duration::from_secs(90);

/// How a change is made.
#[derive(Args, Clone, Debug, Default)]
pub struct ChangeArgs {
    /// Show what would happen, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Go back to the settings before unless `confirm` comes within this time, for example 5m; across a restart too
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub confirm: Option<u64>,
    /// Do it only if it is still this plan
    #[arg(long, value_name = "ID")]
    pub plan: Option<String>,
    /// What it is for; kept with the generation
    #[arg(long, value_name = "TEXT")]
    pub message: Option<String>,
    /// For people or for programs
    #[arg(short, long, value_enum, default_value_t)]
    pub output: OutputFormat,
}

impl ChangeArgs {
    /// Whether anything beyond what Bottlerocket's tool does is asked for.
    fn is_plain(&self) -> bool {
        self.confirm.is_none() && self.plan.is_none() && self.message.is_none() && self.output == OutputFormat::Table
    }

    pub(crate) fn request(&self) -> ApplyRequest {
        ApplyRequest { plan: self.plan.clone(), confirm_seconds: self.confirm, message: self.message.clone(), ..ApplyRequest::default() }
    }
}

/// `90`, `90s`, `5m`, `1h`: seconds.
pub(crate) fn seconds(text: &str) -> Result<u64, String> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let unit = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err("write for example 90s, 5m or 1h".to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| "write for example 90s, 5m or 1h".to_owned())?;
    number.checked_mul(unit).filter(|seconds| *seconds > 0).ok_or_else(|| "too short or too long".to_owned())
}

/// Fills a transaction of our own and commits it as asked. Prints nothing for a plain change: no news is good news, as
/// with Bottlerocket's tool. A transaction that came to nothing is dropped, so that it does not linger as pending.
pub(crate) fn run(
    client: &Client,
    verb: &str,
    args: &ChangeArgs,
    out: &mut dyn Write,
    fill: impl FnOnce(&str) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let tx = name(verb);
    let done = fill(&tx).and_then(|()| commit(client, &tx, args, out));
    if done.is_err() || args.dry_run {
        // What went wrong is what the person needs to see, whether or not the tidying works.
        let _ = client.discard(&tx);
    }
    done
}

fn commit(client: &Client, tx: &str, args: &ChangeArgs, out: &mut dyn Write) -> Result<(), CliError> {
    if args.dry_run {
        return planned::show(out, &client.plan_of(tx)?, args.output);
    }
    if args.is_plain() {
        return commit_and_apply(client, tx);
    }
    let request = ApplyRequest { tx: Some(tx.to_owned()), ..args.request() };
    follow(client, &client.apply(&request)?, args.output, out)
}

/// Nothing pending means that every value was already as asked.
fn commit_and_apply(client: &Client, tx: &str) -> Result<(), CliError> {
    match client.commit_and_apply(tx) {
        Err(ClientError::Refused { body: Some(body), .. }) if body.code == ErrorCode::NothingPending => Ok(()),
        result => Ok(result.map(drop)?),
    }
}

/// Removes keys.
pub(crate) fn unset(client: &Client, keys: &[String], args: &ChangeArgs, out: &mut dyn Write) -> Result<(), CliError> {
    if args.dry_run {
        let request = PlanRequest { unset: keys.to_vec(), ..PlanRequest::default() };
        return planned::show(out, &client.plan(&request)?, args.output);
    }
    let report = client.apply(&ApplyRequest { unset: keys.to_vec(), ..args.request() })?;
    if args.is_plain() {
        return follow(client, &report, args.output, &mut std::io::sink());
    }
    follow(client, &report, args.output, out)
}

/// Waits until an apply is through and tells how it ended; a step that failed is an error.
pub(crate) fn follow(client: &Client, report: &ApplyReport, format: OutputFormat, out: &mut dyn Write) -> Result<(), CliError> {
    let end = Instant::now() + PATIENCE;
    let mut report = report.clone();
    while matches!(report.state, ApplyState::Applying | ApplyState::Settling) && Instant::now() < end {
        thread::sleep(PAUSE);
        report = client.apply_report(report.id)?;
    }
    match format {
        OutputFormat::Json => output::json(out, &report)?,
        OutputFormat::Table => tell(&report, out)?,
    }
    let failed = failures(&report);
    if failed.is_empty() { Ok(()) } else { Err(CliError::Failed(failed.join("\n"))) }
}

fn tell(report: &ApplyReport, out: &mut dyn Write) -> Result<(), CliError> {
    writeln!(out, "generation {}: {}", report.generation, report.state)?;
    let waits = report.trial.as_ref().filter(|trial| trial.kind == "confirm" && !report.state.is_final());
    if let Some(trial) = waits {
        let left = trial.left_ms.div_ceil(1000);
        writeln!(out, "it is taken back in {left} s unless you say: ampctl confirm {}", trial.generation)?;
    }
    Ok(())
}

fn failures(report: &ApplyReport) -> Vec<String> {
    let files = report.files.iter().filter_map(|file| Some(format!("{}: {}", file.path, file.error.as_ref()?)));
    let services = report.services.iter().filter_map(|service| Some(format!("service {}: {}", service.service, service.error.as_ref()?)));
    let remote = report.remote_error.clone().into_iter();
    let back = (report.state == ApplyState::RolledBack).then(|| {
        let reason = report.reason.as_deref().unwrap_or("it did not prove good");
        format!("generation {} was taken back: {reason}", report.generation)
    });
    files.chain(services).chain(remote).chain(back).collect()
}

/// A name nobody else is likely to use at this moment: `apiclient-VERB-…`, as Bottlerocket's tool names its own.
fn name(verb: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("apiclient-{verb}-{:x}-{:x}", std::process::id(), now.as_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        assert_eq!((seconds("90"), seconds("90s"), seconds("5m"), seconds("1h")), (Ok(90), Ok(90), Ok(300), Ok(3600)));
        for wrong in ["", "m", "5w", "0s", "-3", "99999999999999999999h", "18446744073709551615h"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
