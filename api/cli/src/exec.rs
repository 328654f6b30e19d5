//! `exec`: a command in a host container.

use ampoule_api_client::{Client, Method};
use clap::Args;

use crate::CliError;

/// What to run, and where.
#[derive(Args, Clone, Debug)]
pub struct ExecArgs {
    /// Run it in a terminal
    #[arg(short = 't', long, overrides_with = "no_tty")]
    pub tty: bool,
    /// Do not run it in a terminal
    #[arg(short = 'T', long)]
    pub no_tty: bool,
    /// The container
    #[arg(value_name = "TARGET")]
    pub target: String,
    /// The command and its arguments
    #[arg(value_name = "COMMAND", required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub command: Vec<String>,
}

/// Asks whether this node runs commands at all; none of today's does, and its answer says so.
pub(crate) fn run(client: &Client, args: &ExecArgs) -> Result<(), CliError> {
    client.call(Method::Get, "/exec", None)?;
    Err(CliError::Failed(format!("the node would run {:?} in {}, but this program does not speak its protocol", args.command, args.target)))
}
