//! `get`: settings and facts, merged into one JSON document.

use std::io::Write;

use ampoule_api_client::{Client, encode_value};
use clap::Args;
use serde_json::Value;

use crate::{CliError, output};

/// What to read.
#[derive(Args, Clone, Debug)]
pub struct GetArgs {
    /// Prefixes of dotted keys like settings.network, or one path like /os [default: os. settings.]
    #[arg(value_name = "PREFIX")]
    pub prefixes: Vec<String>,
}

pub(crate) fn run(client: &Client, args: &GetArgs, out: &mut dyn Write) -> Result<(), CliError> {
    let document = match args.prefixes.as_slice() {
        [] => by_prefixes(client, &["os.".to_owned(), "settings.".to_owned()])?,
        [path] if path.starts_with('/') => client.get_json(path)?,
        prefixes if prefixes.iter().any(|prefix| prefix.starts_with('/')) => {
            return Err(CliError::Usage("a path like /os stands alone".into()));
        }
        prefixes => by_prefixes(client, prefixes)?,
    };
    output::json(out, &document)
}

fn by_prefixes(client: &Client, prefixes: &[String]) -> Result<Value, CliError> {
    let mut merged = Value::Object(serde_json::Map::new());
    for prefix in prefixes {
        merge(&mut merged, client.get_json(&format!("/?prefix={}", encode_value(prefix)))?);
    }
    Ok(merged)
}

/// Objects join member by member; of anything else the later wins.
fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_join_member_by_member() {
        let mut merged = json!({"os": {"arch": "x86_64"}, "settings": {"a": {"x": 1}}});
        merge(&mut merged, json!({"settings": {"a": {"y": 2}, "b": [3]}}));
        assert_eq!(merged, json!({"os": {"arch": "x86_64"}, "settings": {"a": {"x": 1, "y": 2}, "b": [3]}}));
    }
}
