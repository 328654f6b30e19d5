//! `network configure`: stores what the network of the next boot is.

use std::io::{Read, Write};

use ampoule_api_client::{Client, Method};
use clap::{Args, Subcommand};

use crate::{CliError, Shown, network, source};

/// Without a command: what there is.
#[derive(Args, Clone, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct NetworkArgs {
    /// How it is shown.
    #[command(flatten)]
    pub shown: Shown,
    /// What to do instead.
    #[command(subcommand)]
    pub command: Option<NetworkCommand>,
}

/// What to do to the network.
#[derive(Subcommand, Clone, Debug)]
pub enum NetworkCommand {
    /// Store a network configuration (net.toml) that the next boot uses
    Configure {
        /// A file, a file:// or base64: URI, or - for standard input
        #[arg(value_name = "URI", default_value = "-")]
        source: String,
    },
}

pub(crate) fn run(client: &Client, args: &NetworkArgs, input: &mut dyn Read, out: &mut dyn Write) -> Result<(), CliError> {
    match &args.command {
        None => network::run(client, args.shown.output, out),
        Some(NetworkCommand::Configure { source }) => {
            let text = source::read(source, input)?;
            Ok(client.call(Method::Post, "/actions/network/configure", Some(text.as_bytes())).map(drop)?)
        }
    }
}
