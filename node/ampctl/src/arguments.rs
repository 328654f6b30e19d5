//! Everything that can be typed.

use std::path::PathBuf;

use ampoule_api_cli::{RawArgs, Telling};
use clap::{Parser, Subcommand};
use clap_complete::Shell;

use crate::{check::CheckArgs, context::ContextCommand};

const EXAMPLES: &str = "Examples:
  ampctl get settings.network                  settings as JSON
  ampctl set network.hostname=node-7           change one
  ampctl apply --dry-run node.toml             what would a file change?
  ampctl apply --confirm 5m node.toml          change, and back again unless confirmed
  ampctl explain ntp                           what can be set
  ampctl --context prod services               the same on a node far away";

/// Speaks to a node's API.
#[derive(Parser)]
#[command(name = "ampctl", version, about, after_help = EXAMPLES)]
pub(crate) struct Program {
    /// The API's socket [default: /run/api.sock]
    #[arg(short, long, global = true, value_name = "PATH", conflicts_with = "context")]
    pub(crate) socket_path: Option<PathBuf>,
    /// Which node, as `context add` named it; `local` is the socket [default: AMPCTL_CONTEXT, then what `context use` said]
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) context: Option<String>,
    /// Without a command: one raw request.
    #[command(flatten)]
    pub(crate) raw: RawArgs,
    #[command(flatten)]
    pub(crate) telling: Telling,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// The commands of every program that speaks to a node, and those of this one.
#[derive(Subcommand)]
pub(crate) enum Command {
    #[command(flatten)]
    Node(ampoule_api_cli::Command),
    /// Check a settings file as a node would, without a node
    Check(CheckArgs),
    /// Name nodes far away, and choose one
    #[command(subcommand)]
    Context(ContextCommand),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definitions_are_consistent() {
        Program::command().debug_assert();
    }

    #[test]
    fn options_of_the_program_may_stand_on_either_side_of_a_command() {
        for words in [["ampctl", "-s", "/x", "get"], ["ampctl", "get", "-s", "/x"]] {
            let program = Program::try_parse_from(words).expect("a command line");
            assert_eq!(program.socket_path.as_deref(), Some(std::path::Path::new("/x")));
            assert!(program.command.is_some());
        }
    }
}
