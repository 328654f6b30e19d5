//! JSON Schema of a whole settings tree, with the documentation of every setting in it.

use crate::{Key, Model};
use serde_json::{Map, Value, json};

impl Model {
    /// JSON Schema (2020-12) of the settings of this image. It may allow more than the node does, never less: rules between settings are not in it.
    ///
    /// Beside the standard words each setting has `x-allowed` (what a right value is, after "write") and, for another spelling of a setting, `x-alias-of`.
    #[must_use]
    pub fn schema(&self) -> Value {
        let mut root = group();
        root["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
        root["title"] = "Settings".into();
        for key in self.keys() {
            let segments: Vec<&str> = key.pattern.split('.').collect();
            place(&mut root, &segments, described(key));
        }
        root
    }
}

/// A table that holds nothing yet.
fn group() -> Value {
    json!({ "type": "object", "properties": {}, "additionalProperties": false })
}

/// Puts a setting where its key says. A `*` is any name.
fn place(table: &mut Value, segments: &[&str], schema: Value) {
    let [name, rest @ ..] = segments else { return };
    let slot = if *name == "*" { &mut table["additionalProperties"] } else { &mut table["properties"][*name] };
    if rest.is_empty() {
        *slot = schema;
        return;
    }
    if !slot.is_object() {
        *slot = group();
    }
    place(slot, rest, schema);
}

fn described(key: &Key) -> Value {
    let mut schema = key.schema();
    if let Value::Object(members) = &mut schema {
        members.insert("x-allowed".into(), key.allowed.into());
        members.extend(example(key).map(|value| ("examples".into(), json!([value]))));
        if let Some(alias) = key.alias_of {
            members.insert("deprecated".into(), true.into());
            members.insert("x-alias-of".into(), alias.into());
        }
    }
    schema
}

/// The example as JSON. One of a secret is left out: it would be taken for a real one.
fn example(key: &Key) -> Option<Value> {
    let table: Map<String, Value> = toml::from_str(&format!("value = {}", key.example)).ok()?;
    table.get("value").filter(|_| !key.secret).cloned()
}
