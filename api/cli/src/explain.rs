//! `explain`: the documentation of a setting, from the node or from what this program was built with.

use std::io::Write;

use ampoule_api_client::Client;
use clap::Args;
use serde_json::{Map, Value};

use crate::CliError;

/// Which setting.
#[derive(Args, Clone, Debug)]
pub struct ExplainArgs {
    /// A key like network.hostname, or one above others [default: all]
    #[arg(value_name = "KEY")]
    pub key: Option<String>,
}

/// Asks the node, whose image may have other settings than this program knows; one that is out of reach is no hindrance
/// if there is a built-in schema.
pub(crate) fn run(client: &Client, args: &ExplainArgs, built_in: &dyn Fn() -> Value, out: &mut dyn Write) -> Result<(), CliError> {
    let schema = match client.settings_schema() {
        Ok(schema) => schema,
        Err(error) => Some(built_in()).filter(Value::is_object).ok_or(error)?,
    };
    let key = args.key.as_deref().unwrap_or_default();
    let segments = segments(key.strip_prefix("settings.").unwrap_or(key));
    let found = find(&schema, &segments).ok_or_else(|| unknown(&schema, &segments))?;
    if found["type"] == "object" && found["x-allowed"].is_null() {
        return list(out, key, found);
    }
    one(out, key, found)
}

/// Segments of a dotted key; a quoted one may hold dots.
fn segments(key: &str) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut quoted = false;
    for c in key.chars() {
        match c {
            '"' => quoted = !quoted,
            '.' if !quoted => all.push(String::new()),
            c => all.last_mut().into_iter().for_each(|last| last.push(c)),
        }
    }
    all.retain(|segment| !segment.is_empty());
    all
}

fn find<'a>(schema: &'a Value, segments: &[String]) -> Option<&'a Value> {
    segments.iter().try_fold(schema, |at, name| {
        let named = &at["properties"][name];
        let any = &at["additionalProperties"];
        [named, any].into_iter().find(|below| below.is_object())
    })
}

fn unknown(schema: &Value, segments: &[String]) -> CliError {
    let known = (0..segments.len()).rev().find_map(|count| find(schema, &segments[..count]).map(|at| (count, at)));
    let (count, at) = known.unwrap_or((0, schema));
    let there: Vec<&str> = at["properties"].as_object().into_iter().flat_map(Map::keys).map(String::as_str).collect();
    let place = if count == 0 { "settings".to_owned() } else { segments[..count].join(".") };
    CliError::Failed(format!("there is no setting {} (`{place}` has: {})", segments.join("."), there.join(", ")))
}

fn one(out: &mut dyn Write, key: &str, schema: &Value) -> Result<(), CliError> {
    writeln!(out, "settings.{}", key.strip_prefix("settings.").unwrap_or(key))?;
    for line in schema["description"].as_str().unwrap_or_default().lines() {
        writeln!(out, "  {}", line.trim())?;
    }
    if let Some(allowed) = schema["x-allowed"].as_str() {
        writeln!(out, "\n  write    {allowed}")?;
    }
    if let Some(example) = schema["examples"].get(0) {
        writeln!(out, "  example  {example}")?;
    }
    if let Some(alias) = schema["x-alias-of"].as_str() {
        writeln!(out, "  another spelling of settings.{alias}")?;
    }
    if schema["writeOnly"] == true {
        writeln!(out, "  a secret: never shown")?;
    }
    Ok(())
}

/// Every setting at or below a table, a line each.
fn list(out: &mut dyn Write, above: &str, schema: &Value) -> Result<(), CliError> {
    let above = above.strip_prefix("settings.").unwrap_or(above);
    for (key, about) in keys_below(schema, above) {
        writeln!(out, "{key}\n  {about}")?;
    }
    Ok(())
}

/// Keys of a schema with the first line of their documentation; a name that a person chooses is `NAME`.
fn keys_below(schema: &Value, above: &str) -> Vec<(String, String)> {
    let is_table = schema["type"] == "object" && schema["x-allowed"].is_null();
    if !is_table {
        let about = schema["description"].as_str().unwrap_or_default();
        return vec![(above.to_owned(), about.lines().next().unwrap_or_default().trim().to_owned())];
    }
    let any = schema["additionalProperties"].is_object().then_some(("NAME", &schema["additionalProperties"]));
    let named = schema["properties"].as_object().into_iter().flatten().map(|(name, below)| (name.as_str(), below));
    let key = |name: &str| if above.is_empty() { name.to_owned() } else { format!("{above}.{name}") };
    named.chain(any).flat_map(|(name, below)| keys_below(below, &key(name))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({ "type": "object", "additionalProperties": false, "properties": {
            "motd": { "type": "string", "description": "What is said.\nMore.", "x-allowed": "a text", "examples": ["hi"] },
            "kernel": { "type": "object", "properties": { "sysctl": { "type": "object", "properties": {}, "additionalProperties":
                { "type": "string", "description": "A value.", "x-allowed": "a number" } } } },
        } })
    }

    fn explained(key: &str) -> Result<String, String> {
        let mut out = Vec::new();
        let args = ExplainArgs { key: (!key.is_empty()).then(|| key.to_owned()) };
        let nobody = Client::unix("/no/such/socket");
        run(&nobody, &args, &schema, &mut out).map_err(|error| error.to_string())?;
        Ok(String::from_utf8_lossy(&out).into_owned())
    }

    #[test]
    fn a_setting_is_explained_without_a_node() {
        let text = "settings.motd\n  What is said.\n  More.\n\n  write    a text\n  example  \"hi\"\n";
        assert_eq!(explained("motd"), Ok(text.to_owned()));
        assert_eq!(explained("settings.motd"), Ok(text.to_owned()));
        assert!(explained("kernel.sysctl.\"net.core.rmem_max\"").is_ok_and(|text| text.contains("A value.")));
    }

    #[test]
    fn groups_are_listed_and_slips_are_named() {
        assert_eq!(explained(""), Ok("kernel.sysctl.NAME\n  A value.\nmotd\n  What is said.\n".to_owned()));
        assert!(explained("kernel.x").is_err_and(|reason| reason.contains("`kernel` has: sysctl")));
    }
}
