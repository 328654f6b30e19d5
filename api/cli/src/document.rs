//! Settings files: TOML or JSON with a `settings` table at the top.

use std::io::Read;

use serde_json::{Map, Value};

use crate::{CliError, source};

/// The settings in a file or what else a word of the command line names.
pub(crate) fn read(name: &str, input: &mut dyn Read) -> Result<Value, CliError> {
    let text = source::read(name, input)?;
    settings_tree(&text).map_err(|reason| CliError::Input { source_name: source::shown(name), reason })
}

/// The tree below `settings`. The error is a sentence without the file's name.
pub(crate) fn settings_tree(text: &str) -> Result<Value, String> {
    let document = if text.trim_start().starts_with('{') {
        serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?
    } else {
        let table: toml::Table = toml::from_str(text).map_err(|error| format!("not TOML: {error}"))?;
        from_toml(toml::Value::Table(table))
    };
    match document {
        Value::Object(mut top) => {
            top.remove("settings").filter(Value::is_object).ok_or_else(|| "no [settings] table at the top".to_owned())
        }
        _ => Err("the outermost value must be a table".to_owned()),
    }
}

/// Dates become text: no setting is a date, and the node names the key better than we could.
fn from_toml(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(flag) => flag.into(),
        toml::Value::Datetime(date) => Value::String(date.to_string()),
        toml::Value::Array(items) => items.into_iter().map(from_toml).collect(),
        toml::Value::Table(table) => {
            let members = table.into_iter().map(|(key, value)| (key, from_toml(value)));
            Value::Object(members.collect::<Map<_, _>>())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn toml_and_json_mean_the_same() {
        let toml = "[settings]\nmotd = \"hi\"\n[settings.workloads.web]\npublish = [\"80:80\"]\n";
        let json = r#" {"settings": {"motd": "hi", "workloads": {"web": {"publish": ["80:80"]}}}}"#;
        let expected = json!({"motd": "hi", "workloads": {"web": {"publish": ["80:80"]}}});
        assert_eq!(settings_tree(toml), Ok(expected.clone()));
        assert_eq!(settings_tree(json), Ok(expected));
    }

    #[test]
    fn a_document_without_settings_is_refused() {
        assert!(settings_tree("motd = \"hi\"").is_err_and(|reason| reason.contains("[settings]")));
        assert!(settings_tree("settings = 3").is_err_and(|reason| reason.contains("[settings]")));
        assert!(settings_tree("{\"settings\":").is_err_and(|reason| reason.contains("JSON")));
    }
}
