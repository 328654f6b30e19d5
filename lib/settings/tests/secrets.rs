//! No error shows a secret, whatever is wrong around it.

use ampoule_settings::{Fragment, Key, Model, Settings, all_keys, is_secret, path};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Stands in every value of a secret; never in the name of anything.
const MARK: &str = "hunter2";

/// Values with the mark in them, most of them wrong for any setting.
fn marked() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof!["[a-z=+/]{0,6}", "-----BEGIN [A-Z ]{0,9}", ".{0,8}"].prop_map(|text| json!(format!("{text}{MARK}{text}")));
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("registry|username|auth|[a-z.]{1,6}", inner, 0..4).prop_map(|table| json!(table)),
        ]
    })
}

/// Values without it.
fn junk() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z.:/ ]{0,9}".prop_map(Value::from),
        Just(json!([])),
        Just(json!({}))
    ]
}

fn setting() -> impl Strategy<Value = (String, Value)> {
    let keys: Vec<&'static Key> = all_keys().collect();
    let secrets: Vec<&'static Key> = all_keys().filter(|key| key.secret).collect();
    let secret = (prop::sample::select(secrets), marked()).prop_map(|(key, value)| (key.example_key(), value));
    let other = (prop::sample::select(keys), junk()).prop_map(|(key, value)| (key.example_key(), value));
    prop_oneof![3 => secret, 1 => other]
}

fn insert(tree: &mut Map<String, Value>, segments: &[String], value: Value) {
    match segments {
        [] => {}
        [name] => drop(tree.insert(name.clone(), value)),
        [name, rest @ ..] => {
            if let Value::Object(below) = tree.entry(name.clone()).or_insert_with(|| json!({})) {
                insert(below, rest, value);
            }
        }
    }
}

proptest! {
    #[test]
    fn no_error_shows_a_secret(settings in prop::collection::vec(setting(), 1..6)) {
        let mut tree = Map::new();
        for (key, value) in settings {
            insert(&mut tree, &path::split(&key), value);
        }
        let errors = match Fragment::from_json(&Model::complete(), &Value::Object(tree)) {
            Err(errors) => errors,
            Ok(chosen) => Settings::new(&Fragment::default(), &chosen).err().unwrap_or_default(),
        };
        for error in errors {
            prop_assert!(!format!("{error} {error:?}").contains(MARK), "{}", error);
        }
    }
}

/// Also not where the whole of the settings is printed.
#[test]
fn no_typed_secret_is_shown_by_debug() {
    let text = r#"
        [settings.kubernetes]
        bootstrap-token = "hunte2.0123456789hunter"
        server-key = "aHVudGVyMg=="
        [settings.kubernetes.credential-providers.a.environment]
        TOKEN = "hunter2"
        [settings.aws]
        credentials = "aHVudGVyMg=="
        [settings.host-containers.a]
        source = "a"
        enabled = true
        superpowered = false
        user-data = "aHVudGVyMg=="
    "#;
    let chosen = Fragment::from_toml(&Model::complete(), text).expect("valid");
    let settings = Settings::new(&Fragment::default(), &chosen).expect("fits together");
    let shown = format!("{:?} {:?} {:?}", settings.kubernetes, settings.aws, settings.host_containers);
    for secret in ["0123456789hunter", "aHVudGVyMg==", MARK] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
}

#[test]
fn what_is_a_secret_is_marked_as_one() {
    for key in [
        "kubernetes.bootstrap-token",
        "kubernetes.server-key",
        "kubernetes.credential-providers.ecr.environment.AWS_PROFILE",
        "aws.config",
        "aws.credentials",
        "container-registry.credentials",
        "container-registry.creds",
        "host-containers.admin.user-data",
        "bootstrap-containers.a.user-data",
        "workloads.web.env",
        "api.remote.key",
    ] {
        assert!(is_secret(key), "{key}");
    }
    assert!(!is_secret("kubernetes.api-server") && !is_secret("host-containers.admin.source"));
}
