//! `set` and `unset`: single settings, in a transaction of their own.

use std::io::Write;

use ampoule_api_client::{Client, Method};
use clap::Args;
use serde_json::{Value, json};

use crate::{ChangeArgs, CliError, change};

/// New values for settings.
#[derive(Args, Clone, Debug)]
pub struct SetArgs {
    /// Pairs like network.hostname=node-7; a part of a key that holds dots needs quotes of its own
    #[arg(value_name = "KEY=VALUE", required_unless_present = "json")]
    pub pairs: Vec<String>,
    /// A JSON tree of settings, without an outer "settings" key; needed for lists
    #[arg(short, long, conflicts_with = "pairs")]
    pub json: Option<String>,
    /// How.
    #[command(flatten)]
    pub change: ChangeArgs,
}

/// Settings that go back to their default.
#[derive(Args, Clone, Debug)]
pub struct UnsetArgs {
    /// Keys like network.hostname; a key above others takes them all
    #[arg(value_name = "KEY", required = true)]
    pub keys: Vec<String>,
    /// How.
    #[command(flatten)]
    pub change: ChangeArgs,
}

pub(crate) fn run(client: &Client, args: &SetArgs, out: &mut dyn Write) -> Result<(), CliError> {
    let json = args.json.as_deref().map(tree).transpose()?;
    check_pairs(&args.pairs)?;
    change::run(client, "set", &args.change, out, |tx| match &json {
        Some(tree) => Ok(client.patch_settings(tx, tree)?),
        None => {
            let path = format!("/settings/keypair?tx={tx}");
            Ok(client.send_json(Method::Patch, &path, &json!({ "request_payload": args.pairs })).map(drop)?)
        }
    })
}

pub(crate) fn unset(client: &Client, args: &UnsetArgs, out: &mut dyn Write) -> Result<(), CliError> {
    change::unset(client, &args.keys, &args.change, out)
}

fn tree(text: &str) -> Result<Value, CliError> {
    let tree: Value = serde_json::from_str(text).map_err(|error| CliError::Usage(format!("--json: not JSON: {error}")))?;
    match tree {
        Value::Object(_) => Ok(tree),
        _ => Err(CliError::Usage("--json: the outermost value must be an object".into())),
    }
}

/// The node knows the types of its settings; we only check that each pair is one.
fn check_pairs(pairs: &[String]) -> Result<(), CliError> {
    let is_pair = |pair: &String| pair.split_once('=').is_some_and(|(key, _)| !key.trim().is_empty());
    match pairs.iter().find(|pair| !is_pair(pair)) {
        Some(wrong) => Err(CliError::Usage(format!("{wrong:?} is not of the form key=value"))),
        None => Ok(()),
    }
}
