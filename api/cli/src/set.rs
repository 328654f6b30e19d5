//! `set`: changes settings in a transaction of their own.

use ampoule_api_client::{Client, Method};
use clap::Args;
use serde_json::{Value, json};

use crate::{CliError, transaction};

/// New values for settings.
#[derive(Args, Clone, Debug)]
pub struct SetArgs {
    /// Pairs like network.hostname=node-7; a part of a key that holds dots needs quotes of its own
    #[arg(value_name = "KEY=VALUE", required_unless_present = "json")]
    pub pairs: Vec<String>,
    /// A JSON tree of settings, without an outer "settings" key; needed for lists
    #[arg(short, long, conflicts_with = "pairs")]
    pub json: Option<String>,
}

/// Prints nothing: no news is good news, as with Bottlerocket's `apiclient`.
pub(crate) fn run(client: &Client, args: &SetArgs) -> Result<(), CliError> {
    let tx = transaction::name("set");
    match &args.json {
        Some(text) => client.patch_settings(&tx, &tree(text)?)?,
        None => patch_pairs(client, &tx, &args.pairs)?,
    }
    transaction::commit(client, &tx)
}

fn tree(text: &str) -> Result<Value, CliError> {
    let tree: Value = serde_json::from_str(text).map_err(|error| CliError::Usage(format!("--json: not JSON: {error}")))?;
    match tree {
        Value::Object(_) => Ok(tree),
        _ => Err(CliError::Usage("--json: the outermost value must be an object".into())),
    }
}

/// The node knows the types of its settings; we only check that each pair is one.
fn patch_pairs(client: &Client, tx: &str, pairs: &[String]) -> Result<(), CliError> {
    for pair in pairs {
        match pair.split_once('=') {
            Some((key, _)) if !key.trim().is_empty() => {}
            _ => {
                return Err(CliError::Usage(format!("{pair:?} is not of the form key=value")));
            }
        }
    }
    let path = format!("/settings/keypair?tx={tx}");
    client.send_json(Method::Patch, &path, &json!({ "request_payload": pairs }))?;
    Ok(())
}
