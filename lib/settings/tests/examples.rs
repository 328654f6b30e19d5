//! Every setting's example is right, reaches the typed settings, and comes back as it was.

use ampoule_settings::{Fragment, Key, Model, Settings, all_keys};
use serde_json::Value;
use std::collections::BTreeSet;

fn example(key: &Key) -> String {
    format!("[settings]\n{} = {}\n", key.example_key(), key.example)
}

fn parsed(key: &Key) -> Fragment {
    Fragment::from_toml(&Model::complete(), &example(key)).unwrap_or_else(|e| panic!("{}: {e:?}", key.pattern))
}

#[test]
fn each_example_is_accepted_and_comes_back() {
    for key in all_keys() {
        let fragment = parsed(key);
        assert_eq!(fragment.keys().count(), 1, "{}", key.pattern);
        assert_eq!(Fragment::from_json(&Model::complete(), &fragment.to_json()), Ok(fragment), "{}", key.pattern);
    }
}

/// A key that the typed settings do not hold would be a fault of the image to whoever sets it.
#[test]
fn each_example_reaches_the_typed_settings() {
    for key in all_keys() {
        let errors = Settings::new(&Fragment::default(), &parsed(key)).err().unwrap_or_default();
        assert!(errors.iter().all(|e| !e.hint.contains("fault of the image")), "{}: {errors:?}", key.pattern);
    }
}

#[test]
fn each_example_fits_its_schema_type() {
    for key in all_keys() {
        let schema = key.schema();
        let fragment = parsed(key);
        let first = fragment.keys().next().expect("one key");
        let value = fragment.get(first).expect("its value");
        let kind = match value {
            Value::Bool(_) => "boolean",
            Value::Number(n) if n.is_i64() || n.is_u64() => "integer",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
            Value::Null => "null",
        };
        let wanted = schema.get("type").and_then(Value::as_str);
        assert!(wanted.is_none_or(|w| w == kind || (w == "number" && kind == "integer")), "{}: {kind}, {schema}", key.pattern);
        assert!(!key.about.trim().is_empty() && !key.allowed.is_empty(), "{}", key.pattern);
    }
}

#[test]
fn no_setting_is_declared_twice() {
    let mut seen = BTreeSet::new();
    for key in all_keys() {
        assert!(seen.insert(key.pattern), "{}", key.pattern);
    }
}
