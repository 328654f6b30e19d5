//! `apply`: settings from files, all in one transaction.

use std::io::{Read, Write};

use ampoule_api_client::Client;
use clap::Args;
use serde_json::Value;

use crate::{ChangeArgs, CliError, change, document};

/// Settings files.
#[derive(Args, Clone, Debug)]
pub struct ApplyArgs {
    /// Files (TOML or JSON with a [settings] table), file://, http(s):// or base64: URIs, or - for standard input
    #[arg(value_name = "FILE", default_value = "-")]
    pub sources: Vec<String>,
    /// How.
    #[command(flatten)]
    pub change: ChangeArgs,
}

/// Reads every source before the first change, so that a missing file changes nothing.
pub(crate) fn run(client: &Client, args: &ApplyArgs, input: &mut dyn Read, out: &mut dyn Write) -> Result<(), CliError> {
    let trees: Result<Vec<Value>, CliError> = args.sources.iter().map(|source| document::read(source, input)).collect();
    let trees = trees?;
    change::run(client, "apply", &args.change, out, |tx| Ok(trees.iter().try_for_each(|tree| client.patch_settings(tx, tree))?))
}
