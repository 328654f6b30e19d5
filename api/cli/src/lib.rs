//! Command line of the node API: shared by `ampctl` on the node and by the host tool's `ctl`.
//!
//! The commands of Bottlerocket's `apiclient` take its arguments, print what it prints and exit as it does; the other
//! commands show what is ours, as tables or as JSON.

mod apply;
mod boot;
mod change;
mod command;
mod configure;
mod denials;
mod document;
mod ephemeral_storage;
mod error;
mod exec;
mod explain;
mod get;
mod history;
mod logs;
mod merge;
mod network;
mod output;
mod planned;
mod raw;
mod report;
mod services;
mod set;
mod settings;
mod source;
mod update;
mod user_data;
mod watch;
mod workloads;

use std::io::{Read, Write};

use ampoule_api_client::Client;
pub use apply::ApplyArgs;
pub use change::ChangeArgs;
use clap::{ArgAction, Args, ValueEnum};
pub use command::{Command, Shown, ShownLogs};
pub use error::CliError;
pub use explain::ExplainArgs;
pub use get::GetArgs;
pub use logs::LogsArgs;
pub use output::OutputFormat;
pub use raw::{RawArgs, RawMethod};
use serde_json::Value;
pub use set::SetArgs;

/// Everything after the name of the program and its own options.
#[derive(Args, Clone, Debug)]
pub struct Arguments {
    /// Without a command: one raw request.
    #[command(flatten)]
    pub raw: RawArgs,
    /// How much is told.
    #[command(flatten)]
    pub telling: Telling,
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// How much is told besides the answer, on standard error.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Telling {
    /// Tell more, for example the status of a raw request
    #[arg(short, long, global = true, action = ArgAction::SetTrue)]
    pub verbose: bool,
    /// How much is told
    #[arg(long, global = true, value_enum, value_name = "LEVEL")]
    pub log_level: Option<LogLevel>,
}

/// Levels of Bottlerocket's tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum LogLevel {
    /// Failures.
    Error,
    /// Doubtful things too.
    Warn,
    /// The usual.
    Info,
    /// As `--verbose`.
    Debug,
    /// As `--verbose`.
    Trace,
}

impl Telling {
    /// Whether more than the usual is told.
    #[must_use]
    pub fn is_verbose(self) -> bool {
        self.verbose || self.log_level.is_some_and(|level| level >= LogLevel::Debug)
    }
}

/// Where a command reads and writes.
pub struct Console<'a> {
    /// Standard input, read only by commands that are told so with `-`.
    pub input: &'a mut dyn Read,
    /// The answer.
    pub out: &'a mut dyn Write,
    /// What else there is to say.
    pub err: &'a mut dyn Write,
}

/// Does what the arguments say, with what else there is to say on standard error.
pub fn run(client: &Client, arguments: &Arguments, input: &mut dyn Read, out: &mut dyn Write) -> Result<(), CliError> {
    let mut console = Console { input, out, err: &mut std::io::stderr() };
    run_command(client, arguments.command.as_ref(), &arguments.raw, arguments.telling, &|| Value::Null, &mut console)
}

/// Does what a command says; without one, a raw request. `schema` is that of the settings this program was built with, or
/// `null`.
pub fn run_command(
    client: &Client,
    command: Option<&Command>,
    raw: &RawArgs,
    telling: Telling,
    schema: &dyn Fn() -> Value,
    console: &mut Console<'_>,
) -> Result<(), CliError> {
    let Some(command) = command else { return raw::run(client, raw, telling.is_verbose(), console) };
    if raw.is_given() {
        return Err(CliError::Usage("--uri, --method and --data stand behind `raw`, or without any command".into()));
    }
    let Console { input, out, err } = console;
    match command {
        Command::Raw(args) => raw::run(client, args, telling.is_verbose(), &mut Console { input, out, err }),
        Command::Get(args) => get::run(client, args, out),
        Command::Set(args) => set::run(client, args, out),
        Command::Unset(args) => set::unset(client, args, out),
        Command::Apply(args) => apply::run(client, args, input, out),
        Command::Plan(args) => planned::run(client, args, input, out),
        Command::Confirm(args) => history::confirm(client, *args, out),
        Command::Rollback(shown) => history::rollback(client, shown.output, out),
        Command::History(shown) => history::history(client, shown.output, out),
        Command::Diff(args) => history::diff(client, args, out),
        Command::Restore(args) => history::restore(client, args, out),
        Command::UserData(args) => user_data::run(client, args, out),
        Command::Settings(args) => settings::run(client, args, out),
        Command::Explain(args) => explain::run(client, args, schema, out),
        Command::Watch(shown) => watch::run(client, shown.output, out),
        Command::Update(command) => update::run(client, command, &mut Console { input, out, err }),
        Command::Reboot => Ok(client.reboot()?),
        Command::Exec(args) => exec::run(client, args),
        Command::Report(command) => report::run(client, command, out),
        Command::EphemeralStorage(command) => ephemeral_storage::run(client, command, out),
        Command::Lockdown => Ok(client.action("lockdown")?),
        Command::Network(args) => configure::run(client, args, input, out),
        Command::Services(shown) => services::run(client, shown.output, out),
        Command::Workloads(shown) => workloads::run(client, shown.output, out),
        Command::Denials(shown) => denials::run(client, shown.output, out),
        Command::Boot(shown) => boot::run(client, shown.output, out),
        Command::Logs(args) => logs::run(client, &args.lines, args.shown.output, out),
    }
}
