//! `get`: settings and facts, merged into one JSON document.

use std::io::Write;

use ampoule_api_client::{Client, encode_value};
use clap::Args;
use serde_json::Value;

use crate::{
    CliError,
    merge::{merge, remove},
    output,
};

/// What to read.
#[derive(Args, Clone, Debug)]
pub struct GetArgs {
    /// Prefixes of dotted keys like settings.network, or one path like /os [default: os. settings.]
    #[arg(value_name = "PREFIX")]
    pub prefixes: Vec<String>,
    /// Leave out what begins with this prefix; may be repeated
    #[arg(long, value_name = "PREFIX")]
    pub exclude: Vec<String>,
    /// Print without white space, keys sorted
    #[arg(long)]
    pub canonicalize: bool,
}

pub(crate) fn run(client: &Client, args: &GetArgs, out: &mut dyn Write) -> Result<(), CliError> {
    let mut document = match args.prefixes.as_slice() {
        [] => by_prefixes(client, &["os.".to_owned(), "settings.".to_owned()])?,
        [path] if path.starts_with('/') && args.exclude.is_empty() => client.get_json(path)?,
        prefixes if prefixes.iter().any(|prefix| prefix.starts_with('/')) => {
            return Err(CliError::Usage("a path like /os stands alone, without prefixes and --exclude".into()));
        }
        prefixes => by_prefixes(client, prefixes)?,
    };
    remove(&mut document, "", &args.exclude);
    if args.canonicalize {
        // Objects are kept sorted, and plain output has no white space.
        writeln!(out, "{document}")?;
        return Ok(());
    }
    output::json(out, &document)
}

fn by_prefixes(client: &Client, prefixes: &[String]) -> Result<Value, CliError> {
    let mut merged = Value::Object(serde_json::Map::new());
    for prefix in prefixes {
        merge(&mut merged, client.get_json(&format!("/?prefix={}", encode_value(prefix)))?);
    }
    Ok(merged)
}
