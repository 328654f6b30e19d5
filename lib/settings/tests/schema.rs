//! The schema of a settings tree describes what the node takes.

use ampoule_settings::{Model, all_keys};
use serde_json::Value;

/// The schema at a key, as a client finds it.
fn at<'a>(schema: &'a Value, pattern: &str) -> &'a Value {
    pattern.split('.').fold(schema, |table, name| if name == "*" { &table["additionalProperties"] } else { &table["properties"][name] })
}

#[test]
fn every_setting_stands_in_it_with_its_documentation() {
    let schema = Model::complete().schema();
    for key in all_keys() {
        let found = at(&schema, key.pattern);
        assert!(found["description"].as_str().is_some_and(|about| !about.is_empty()), "{}: {found}", key.pattern);
        assert_eq!(found["x-allowed"], key.allowed, "{}", key.pattern);
        assert_eq!(found["examples"].is_array(), !key.secret, "{}", key.pattern);
    }
}

#[test]
fn an_image_has_its_own_namespaces_and_no_other() {
    let schema = Model::new(["motd".to_owned(), "network".to_owned()]).schema();
    let names: Vec<&String> = schema["properties"].as_object().expect("properties").keys().collect();
    assert_eq!(names, ["motd", "network"]);
    assert_eq!(schema["additionalProperties"], false);
}
