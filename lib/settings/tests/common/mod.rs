//! Variants of the repository, as a node knows them.

use ampoule_settings::{Fragment, Model};
use std::path::Path;
use toml::{Table, Value};

/// What a variant has.
pub(crate) struct Variant {
    pub(crate) model: Model,
    pub(crate) defaults: Fragment,
}

/// Reads a variant with all that it extends.
pub(crate) fn variant(name: &str) -> Variant {
    let (namespaces, settings) = resolve(name);
    let model = Model::new(namespaces);
    let tree = serde_json::to_value(settings).expect("JSON");
    let defaults = Fragment::from_json(&model, &tree).unwrap_or_else(|errors| panic!("defaults of {name}: {errors:#?}"));
    Variant { model, defaults }
}

/// Names of all variants.
pub(crate) fn variants() -> Vec<String> {
    let files = std::fs::read_dir(folder()).expect("variants").flatten().map(|entry| entry.path());
    let names = files.filter(|path| path.extension().is_some_and(|end| end == "toml"));
    let mut names: Vec<String> = names.filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned())).collect();
    names.sort();
    names
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../variants")
}

fn resolve(name: &str) -> (Vec<String>, Table) {
    let text = std::fs::read_to_string(folder().join(name).with_extension("toml")).expect(name);
    let written: Table = text.parse().expect("TOML");
    let (mut namespaces, mut settings) = written.get("extends").and_then(Value::as_str).map(resolve).unwrap_or_default();
    let names = written.get("namespaces").and_then(Value::as_array).into_iter().flatten();
    namespaces.extend(names.filter_map(Value::as_str).map(str::to_owned));
    merge(&mut settings, written.get("settings").and_then(Value::as_table).cloned().unwrap_or_default());
    (namespaces, settings)
}

fn merge(under: &mut Table, over: Table) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(Value::Table(under)), Value::Table(over)) => merge(under, over),
            (_, value) => drop(under.insert(key, value)),
        }
    }
}
