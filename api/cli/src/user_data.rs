//! `user-data`: whether the user data that the node sees differs from what it took, and taking it.

use std::io::Write;

use ampoule_api_client::Client;
use ampoule_api_types::v1::{UserDataRequest, UserDataState, UserDataStatus};
use clap::Args;

use crate::{
    CliError, OutputFormat, Shown,
    change::{self, seconds},
    output::{self, printable},
    planned,
};

/// Looking at user data, or taking it.
#[derive(Args, Clone, Copy, Debug)]
pub struct UserDataArgs {
    /// Take what the node sees now
    #[arg(long)]
    pub apply: bool,
    /// Go back to the settings before unless `confirm` comes within this time, for example 5m
    #[arg(long, value_name = "TIME", value_parser = seconds, requires = "apply")]
    pub confirm: Option<u64>,
    /// How it is shown.
    #[command(flatten)]
    pub shown: Shown,
}

pub(crate) fn run(client: &Client, args: &UserDataArgs, out: &mut dyn Write) -> Result<(), CliError> {
    if args.apply {
        let report = client.apply_user_data(&UserDataRequest { plan: None, confirm_seconds: args.confirm })?;
        return change::follow(client, &report, args.shown.output, out);
    }
    let status = client.user_data()?;
    match args.shown.output {
        OutputFormat::Json => output::json(out, &status),
        _ => show(&status, out),
    }
}

fn show(status: &UserDataStatus, out: &mut dyn Write) -> Result<(), CliError> {
    match status.state {
        UserDataState::Taken => writeln!(out, "The user data is what the node took.")?,
        UserDataState::Changed => writeln!(out, "The user data has changed and has no effect yet; `user-data --apply` takes it.")?,
        UserDataState::Wrong => writeln!(out, "The user data is wrong, and nothing of it can be taken:")?,
        UserDataState::Awaited => writeln!(out, "A place that may have user data has not answered yet; `user-data -o json` says which.")?,
        UserDataState::Unknown => writeln!(out, "The node says something about its user data that this program does not know.")?,
    }
    for error in &status.errors {
        writeln!(out, "  {}", printable(error))?;
    }
    match &status.plan {
        Some(plan) => planned::show(out, plan, OutputFormat::default()),
        None => Ok(()),
    }
}
