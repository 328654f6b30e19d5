//! Everything that can be typed after the name of the program.

use clap::{Args, Subcommand};

use crate::{
    apply::ApplyArgs,
    configure::NetworkArgs,
    ephemeral_storage::EphemeralStorageCommand,
    exec::ExecArgs,
    explain::ExplainArgs,
    get::GetArgs,
    history::{ConfirmArgs, DiffArgs, RestoreArgs},
    logs::LogsArgs,
    output::OutputFormat,
    planned::PlanArgs,
    raw::RawArgs,
    report::ReportCommand,
    set::{SetArgs, UnsetArgs},
    settings::SettingsArgs,
    update::UpdateCommand,
    user_data::UserDataArgs,
};

/// The commands of every program that speaks to a node.
#[derive(Subcommand, Clone, Debug)]
pub enum Command {
    /// Send one HTTP request and print the answer's body
    Raw(RawArgs),
    /// Print settings and facts as one JSON document
    Get(GetArgs),
    /// Change settings and apply them
    Set(SetArgs),
    /// Take settings back to their defaults and apply that
    Unset(UnsetArgs),
    /// Change settings from files, all at once, and apply them
    Apply(ApplyArgs),
    /// Show what a change would do, and change nothing
    Plan(PlanArgs),
    /// Say that the settings on trial are good
    Confirm(ConfirmArgs),
    /// Go back to the last confirmed settings
    Rollback(Shown),
    /// Show the generations of the settings
    History(Shown),
    /// Show what lies between two generations
    Diff(DiffArgs),
    /// Make an earlier generation the newest
    Restore(RestoreArgs),
    /// Show whether the user data has changed since the node took it, and take it
    UserData(UserDataArgs),
    /// Show the live settings by key, and who gave each value
    Settings(SettingsArgs),
    /// Explain a setting
    Explain(ExplainArgs),
    /// Show what happens to the settings, as it happens
    Watch(Shown),
    /// Look for an update, install it, take it back
    #[command(subcommand)]
    Update(UpdateCommand),
    /// Restart the node in an orderly way
    Reboot,
    /// Run a command in a host container
    Exec(ExecArgs),
    /// Check the node against a benchmark
    #[command(subcommand)]
    Report(ReportCommand),
    /// Use the disks that last as long as the machine
    #[command(subcommand)]
    EphemeralStorage(EphemeralStorageCommand),
    /// Lock the settings until the next boot
    Lockdown,
    /// Show links, addresses and name servers, or store a configuration
    Network(NetworkArgs),
    /// Show the node's services
    Services(Shown),
    /// Show the workloads and how they are
    Workloads(Shown),
    /// Show what the kernel refused, and which rule would allow it
    Denials(Shown),
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
