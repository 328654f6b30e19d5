//! Command line of the node API: shared by `ampctl` on the node and by the host tool's `ctl`.
//!
//! `raw`, `get`, `set`, `apply` and `reboot` take the arguments of Bottlerocket's `apiclient`, print what it prints and
//! exit as it does; the other commands show what is ours, as tables or as JSON.

mod apply;
mod boot;
mod document;
mod error;
mod get;
mod logs;
mod network;
mod output;
mod raw;
mod services;
mod set;
mod transaction;
mod workloads;

use std::io::{Read, Write};

use ampoule_api_client::Client;
use clap::{Args, Subcommand};

pub use apply::ApplyArgs;
pub use error::CliError;
pub use get::GetArgs;
pub use logs::LogsArgs;
pub use output::OutputFormat;
pub use raw::{RawArgs, RawMethod};
pub use set::SetArgs;

/// Everything after the name of the program and its own options.
#[derive(Args, Clone, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Arguments {
    /// Without a command: one raw request.
    #[command(flatten)]
    pub raw: RawArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The commands.
#[derive(Subcommand, Clone, Debug)]
pub enum Command {
    /// Send one HTTP request and print the answer's body
    Raw(RawArgs),
    /// Print settings and facts as one JSON document
    Get(GetArgs),
    /// Change settings and apply them
    Set(SetArgs),
    /// Change settings from files, all at once, and apply them
    Apply(ApplyArgs),
    /// Restart the node in an orderly way
    Reboot,
    /// Show the node's services
    Services(Shown),
    /// Show the workloads and how they are
    Workloads(Shown),
    /// Show links, addresses and name servers
    Network(Shown),
    /// Show what happened when since the kernel started
    Boot(Shown),
    /// Show what services and workloads have said
    Logs(ShownLogs),
}

/// How a document is shown.
#[derive(Args, Clone, Copy, Debug)]
pub struct Shown {
    /// For people or for programs
    #[arg(short, long, value_enum, default_value_t)]
    pub output: OutputFormat,
}

/// Which log lines, and how they are shown.
#[derive(Args, Clone, Debug)]
pub struct ShownLogs {
    /// Which lines.
    #[command(flatten)]
    pub lines: LogsArgs,
    /// How.
    #[command(flatten)]
    pub shown: Shown,
}

/// Does what the arguments say. `input` is standard input, read only by `apply -`.
pub fn run(client: &Client, arguments: &Arguments, input: &mut dyn Read, out: &mut dyn Write) -> Result<(), CliError> {
    match &arguments.command {
        None => raw::run(client, &arguments.raw, out),
        Some(Command::Raw(args)) => raw::run(client, args, out),
        Some(Command::Get(args)) => get::run(client, args, out),
        Some(Command::Set(args)) => set::run(client, args),
        Some(Command::Apply(args)) => apply::run(client, args, input),
        Some(Command::Reboot) => Ok(client.reboot()?),
        Some(Command::Services(shown)) => services::run(client, shown.output, out),
        Some(Command::Workloads(shown)) => workloads::run(client, shown.output, out),
        Some(Command::Network(shown)) => network::run(client, shown.output, out),
        Some(Command::Boot(shown)) => boot::run(client, shown.output, out),
        Some(Command::Logs(args)) => logs::run(client, &args.lines, args.shown.output, out),
    }
}
