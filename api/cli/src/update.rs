//! `update`: looks for an update, installs it, takes it back, as Bottlerocket's tool does.

mod ours;

use std::{io::Write, thread, time::Duration};

use ampoule_api_client::{Client, ClientError};
use ampoule_api_types::{CommandResult, UpdateState, UpdateStatus};
use clap::{Args, Subcommand};

use crate::{CliError, Console, Shown, output};

/// What to do about updates.
#[derive(Subcommand, Clone, Debug)]
pub enum UpdateCommand {
    /// Look for updates and print what there is
    Check,
    /// Install the update that was found
    Apply(UpdateApplyArgs),
    /// Take the activation of an update back
    Cancel,
    /// Show what installing the update would cost, and change nothing
    Plan(Shown),
    /// Show versions, progress, and versions that were not good
    Status(Shown),
    /// Restart with the version before; the one that runs is not tried again
    Rollback,
    /// Let a version be tried again that was not good
    Forgive {
        /// Which version, as `update status` names it
        // An argument that clap calls `version` is its own `--version` in the host tool.
        #[arg(id = "bad-version", value_name = "VERSION")]
        version: String,
    },
}

/// How to install.
#[derive(Args, Clone, Copy, Debug)]
pub struct UpdateApplyArgs {
    /// Look for updates first, and install what is found
    #[arg(short, long)]
    pub check: bool,
    /// Restart the node if an update was installed
    #[arg(short, long)]
    pub reboot: bool,
}

/// How often, and how many times, the outcome of a command is asked for.
#[derive(Clone, Copy)]
struct Patience(Duration, u32);

/// The waits of Bottlerocket's tool: 10 s to look, 10 min to write, 5 s to activate.
const CHECK: Patience = Patience(Duration::from_millis(100), 100);
const PREPARE: Patience = Patience(Duration::from_millis(500), 1200);
const ACTIVATE: Patience = Patience(Duration::from_millis(100), 50);

pub(crate) fn run(client: &Client, command: &UpdateCommand, console: &mut Console<'_>) -> Result<(), CliError> {
    match command {
        UpdateCommand::Check => output::json(console.out, &check(client)?),
        UpdateCommand::Apply(args) => apply(client, *args, console.err),
        UpdateCommand::Cancel => Ok(done(client, "deactivate", ACTIVATE).map(drop)?),
        UpdateCommand::Plan(shown) => ours::plan(client, shown.output, console.out),
        UpdateCommand::Status(shown) => ours::status(client, shown.output, console.out),
        UpdateCommand::Rollback => ours::rollback(client, console.out),
        UpdateCommand::Forgive { version } => ours::forgive(client, version, console.out),
    }
}

fn check(client: &Client) -> Result<UpdateStatus, CliError> {
    done(client, "refresh", CHECK)
}

fn apply(client: &Client, args: UpdateApplyArgs, err: &mut dyn Write) -> Result<(), CliError> {
    if args.check && check(client)?.chosen_update.is_none() {
        writeln!(err, "No update is available.")?;
        return Ok(());
    }
    done(client, "prepare", PREPARE)?;
    let status = done(client, "activate", ACTIVATE)?;
    if status.update_state != UpdateState::Ready {
        return Err(CliError::Failed(format!("the update is {:?}, not Ready, after its activation", status.update_state)));
    }
    if args.reboot {
        return Ok(client.reboot()?);
    }
    writeln!(err, "The update is installed; the next boot runs it.")?;
    Ok(())
}

/// Starts a command and waits until the status tells that it ended.
fn done(client: &Client, command: &str, Patience(pause, times): Patience) -> Result<UpdateStatus, CliError> {
    let before = client.update_status().ok().and_then(|status| status.most_recent_command);
    let action = if command == "refresh" { "refresh-updates".to_owned() } else { format!("{command}-update") };
    client.action(&action)?;
    for _ in 0..times {
        thread::sleep(pause);
        match client.update_status() {
            Ok(status) if is_new(&status, command, before.as_ref()) => return succeeded(status),
            // 423: the command still runs. 404: it is the first and has written nothing yet.
            Ok(_) | Err(ClientError::Refused { status: 404 | 423, .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(CliError::Failed(format!(
        "`{command}` did not end in {} s; `ampctl get /updates/status` shows how it goes on",
        (pause * times).as_secs()
    )))
}

fn is_new(status: &UpdateStatus, command: &str, before: Option<&CommandResult>) -> bool {
    status.most_recent_command.as_ref().is_some_and(|last| last.cmd_type == command && Some(last) != before)
}

fn succeeded(status: UpdateStatus) -> Result<UpdateStatus, CliError> {
    match &status.most_recent_command {
        Some(last) if last.cmd_status != "Success" => {
            let why = last.stderr.as_deref().unwrap_or("the node's log says why");
            Err(CliError::Failed(format!("`{}` {}: {why}", last.cmd_type, last.cmd_status)))
        }
        _ => Ok(status),
    }
}
