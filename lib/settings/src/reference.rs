//! The reference of the settings as text: a page for each namespace, an index, and the JSON Schema of user data. Made from the model, so that it says what the code does.

use crate::key::Key;
use crate::{Fragment, Model, about, all_namespaces, path};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

/// A variant, as far as its settings go.
#[derive(Debug, Clone)]
pub struct VariantSettings {
    /// Its name.
    pub name: String,
    /// The settings it has.
    pub model: Model,
    /// What it says where nobody chose.
    pub defaults: Fragment,
}

/// The command that writes these files.
const COMMAND: &str = "./ampoule docs";

/// Every file of the reference, by its path below `docs/reference`.
#[must_use]
pub fn files(variants: &[VariantSettings]) -> BTreeMap<String, String> {
    let pages = all_namespaces().map(|name| (format!("settings/{name}.md"), page(name, variants)));
    let index = [("settings/README.md".to_owned(), index(variants))];
    let schema = [("settings.schema.json".to_owned(), format!("{:#}\n", user_data_schema()))];
    pages.chain(index).chain(schema).collect()
}

/// JSON Schema (2020-12) of user data. It may allow more than the node does, never less: rules between settings are not in it.
#[must_use]
pub fn user_data_schema() -> Value {
    let mut settings = Model::complete().schema();
    if let Value::Object(members) = &mut settings {
        members.retain(|name, _| name != "$schema" && name != "title");
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "User data",
        "$comment": format!("Written by `{COMMAND}`."),
        "type": "object",
        "properties": { "settings": settings },
        "required": ["settings"],
        "additionalProperties": false,
    })
}

fn index(variants: &[VariantSettings]) -> String {
    let mut text = format!("<!-- Written by `{COMMAND}`. -->\n\n# Settings\n\n");
    text.push_str("What can be set in user data and through the API. `../settings.schema.json` is the same for editors and programs.\n\n");
    text.push_str("| namespace | what it is for | variants |\n|---|---|---|\n");
    for name in all_namespaces() {
        let first = about(name).unwrap_or_default().lines().next().unwrap_or_default();
        let _ = writeln!(text, "| [`{name}`]({name}.md) | {first} | {} |", having(name, variants));
    }
    text
}

/// Names of the variants that have a namespace.
fn having(namespace: &str, variants: &[VariantSettings]) -> String {
    let names: Vec<_> = variants.iter().filter(|v| v.model.namespaces().any(|n| n == namespace)).map(|v| v.name.as_str()).collect();
    if names.len() == variants.len() { "all".to_owned() } else { names.join(", ") }
}

fn page(namespace: &str, variants: &[VariantSettings]) -> String {
    let mut text = format!("<!-- Written by `{COMMAND}`. -->\n\n# `{namespace}`\n\n{}\n\n", about(namespace).unwrap_or_default());
    let _ = writeln!(text, "Variants: {}.\n", having(namespace, variants));
    let model = Model::new([namespace.to_owned()]);
    text.push_str("| setting | write |\n|---|---|\n");
    for key in model.keys() {
        let secret = if key.secret { " (secret)" } else { "" };
        let _ = writeln!(text, "| `{}`{secret} | {} |", key.pattern, cell(key.allowed));
    }
    defaults(&mut text, namespace, variants);
    text.push_str("\n## Settings\n");
    model.keys().for_each(|key| section(&mut text, key));
    text
}

/// A `|` would end a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn section(text: &mut String, key: &Key) {
    let _ = write!(text, "\n### `{}`\n\n{}\n\n", key.pattern, key.about.trim());
    let _ = writeln!(text, "Write {}.", key.allowed);
    if key.secret {
        text.push_str("It is a secret: it is never shown in logs, plans, differences or support bundles.\n");
    }
    if let Some(other) = key.alias_of {
        let _ = writeln!(text, "It is another spelling of `{other}`; the node answers with that one.");
    }
    let segments = path::split(&key.example_key());
    if let Some((name, above)) = segments.split_last() {
        let table = path::join(["settings"].into_iter().chain(above.iter().map(String::as_str)));
        let _ = write!(text, "\n```toml\n[{table}]\n{} = {}\n```\n", path::join([name]), key.example);
    }
}

/// The defaults of a namespace, once for all variants that have the same.
fn defaults(text: &mut String, namespace: &str, variants: &[VariantSettings]) {
    let mut by_text: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for variant in variants {
        let here = variant.defaults.only(|key| path::covers(namespace, key));
        let tree: Map<String, Value> = [("settings".to_owned(), here.to_json())].into_iter().collect();
        if let Some(written) = toml::to_string(&tree).ok().filter(|_| !here.is_empty()) {
            by_text.entry(written).or_default().push(&variant.name);
        }
    }
    text.push_str("\n## Defaults\n");
    if by_text.is_empty() {
        text.push_str("\nNone.\n");
    }
    for (written, names) in by_text {
        let _ = write!(text, "\n{}:\n\n```toml\n{}\n```\n", names.join(", "), written.trim_end());
    }
}
