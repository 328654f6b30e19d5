//! `apply`: settings from files, all in one transaction.

use std::{
    fs::File,
    io::{self, Read},
};

use ampoule_api_client::Client;
use clap::Args;
use serde_json::Value;

use crate::{CliError, document::settings_tree, transaction};

/// Largest settings file, in bytes: the node takes no larger request.
const FILE_LIMIT: u64 = 1024 * 1024;

/// Settings files.
#[derive(Args, Clone, Debug)]
pub struct ApplyArgs {
    /// Files (TOML or JSON with a [settings] table), file:// URIs, or - for standard input
    #[arg(value_name = "FILE", default_value = "-")]
    pub sources: Vec<String>,
}

/// Reads every source before the first change, so that a missing file changes nothing.
pub(crate) fn run(client: &Client, args: &ApplyArgs, input: &mut dyn Read) -> Result<(), CliError> {
    let trees: Result<Vec<Value>, CliError> = args.sources.iter().map(|source| read_tree(source, input)).collect();
    let tx = transaction::name("apply");
    for tree in trees? {
        client.patch_settings(&tx, &tree)?;
    }
    transaction::commit(client, &tx)
}

fn read_tree(source: &str, input: &mut dyn Read) -> Result<Value, CliError> {
    let invalid = |reason: String| CliError::Input { source_name: source.to_owned(), reason };
    let text = read_source(source, input).map_err(|error| invalid(error.to_string()))?;
    settings_tree(&text).map_err(invalid)
}

fn read_source(source: &str, input: &mut dyn Read) -> io::Result<String> {
    if source == "-" {
        return read_bounded(input);
    }
    if source.starts_with("http://") || source.starts_with("https://") {
        return Err(io::Error::other("download it first and give the file, or - for standard input"));
    }
    let path = source.strip_prefix("file://").unwrap_or(source);
    read_bounded(&mut File::open(path)?)
}

fn read_bounded(input: &mut dyn Read) -> io::Result<String> {
    let mut text = String::new();
    input.take(FILE_LIMIT + 1).read_to_string(&mut text)?;
    if text.len() as u64 > FILE_LIMIT {
        return Err(io::Error::other(format!("larger than {FILE_LIMIT} bytes")));
    }
    Ok(text)
}
