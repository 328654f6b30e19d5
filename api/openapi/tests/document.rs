//! The document in the repository, and what it promises to those who hold an older one.

use std::{collections::BTreeSet, fs, path::Path};

use ampoule_api_openapi::{DOCUMENT, FROZEN, document, incompatibilities, to_text};
use ampoule_api_types::{
    operation::{Operation, Shape},
    operations,
};
use serde_json::{Value, json};

fn file(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn the_document_is_that_of_this_source() {
    let renew = "`cargo run -p ampoule-api-openapi -- write` renews it";
    assert!(file(DOCUMENT) == to_text(&document()), "{DOCUMENT} is stale: {renew}");
}

#[test]
fn nothing_that_was_promised_is_gone() {
    let frozen: Value = serde_json::from_str(&file(FROZEN)).expect("JSON");
    let broken = incompatibilities(&frozen, &document());
    assert!(broken.is_empty(), "what {FROZEN} promises is broken:\n{}", broken.join("\n"));
}

#[test]
fn every_operation_stands_in_it_once() {
    let all: Vec<String> = operations::all().map(ToString::to_string).collect();
    let different: BTreeSet<&String> = all.iter().collect();
    assert_eq!(different.len(), all.len(), "an operation is listed twice");
    let document = document();
    let paths = document["paths"].as_object().expect("paths");
    let described: usize = paths.values().map(|methods| methods.as_object().expect("methods").len()).sum();
    assert_eq!(described, all.len());
}

#[test]
fn every_shape_has_a_schema() {
    let document = document();
    let schemas = &document["components"]["schemas"];
    for operation in operations::all() {
        for shape in [operation.body, Some(operation.answer)].into_iter().flatten() {
            if let Shape::Json(name) | Shape::Lines(name) = shape {
                assert!(schemas[name].is_object(), "{operation}: no schema for {name}");
            }
        }
    }
}

#[test]
fn parameters_of_a_path_are_described() {
    for operation in operations::all() {
        for name in names_in(operation) {
            let parameter = operation.parameters.iter().find(|parameter| parameter.name == name);
            assert!(parameter.is_some_and(|p| p.required), "{operation}: {name}");
        }
    }
}

fn names_in(operation: &Operation) -> impl Iterator<Item = &str> {
    operation.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

/// A change of the document that must be found, each.
#[test]
fn what_breaks_a_client_is_found() {
    let old = document();
    assert_eq!(incompatibilities(&old, &old), Vec::<String>::new());
    let breaks = |what: &str, change: fn(&mut Value)| {
        let mut new = old.clone();
        change(&mut new);
        let found = incompatibilities(&old, &new).join("\n");
        assert!(found.contains(what), "{what:?} is not in {found:?}");
    };
    breaks("GET /os: is gone", |new| drop(new["paths"].as_object_mut().expect("paths").remove("/os")));
    breaks("DELETE /tx: is gone", |new| drop(new["paths"]["/tx"].as_object_mut().expect("methods").remove("delete")));
    breaks("parameter \"keys\" is required now", |new| new["paths"]["/settings"]["get"]["parameters"][0]["required"] = json!(true));
    breaks("parameter \"keys\" is gone", |new| {
        drop(new["paths"]["/settings"]["get"]["parameters"].as_array_mut().expect("list").remove(0))
    });
    breaks("field arch is gone", |new| drop(schema(new, "OsInfo")["properties"].as_object_mut().expect("fields").remove("arch")));
    breaks("field \"state\" is no longer always there", |new| schema(new, "ServiceStatus")["required"] = json!(["name"]));
    breaks("was \"string\", is \"integer\"", |new| schema(new, "OsInfo")["properties"]["arch"]["type"] = json!("integer"));
    breaks("field \"x\" is required now", |new| {
        schema(new, "Keypairs")["required"].as_array_mut().expect("list").push(json!("x"));
    });
    breaks("the word \"text\" is gone", |new| new["paths"]["/report/fips"]["get"]["parameters"][0]["schema"]["enum"] = json!(["json"]));
    breaks("the word", |new| drop(schema(new, "ServiceState")["oneOf"].as_array_mut().expect("words").remove(0)));
    breaks("no longer answers 204", |new| {
        drop(new["paths"]["/actions/reboot"]["post"]["responses"].as_object_mut().expect("answers").remove("204"))
    });
    breaks("application/json is gone", |new| new["paths"]["/os"]["get"]["responses"]["200"]["content"] = json!({}));
    breaks("maximum is narrower", |new| new["paths"]["/v1/logs"]["get"]["parameters"][2]["schema"]["maximum"] = json!(3));
}

/// What a client does not notice is not found.
#[test]
fn what_is_added_breaks_nobody() {
    let old = document();
    let mut new = old.clone();
    new["paths"]["/new"] = json!({ "get": { "responses": {} } });
    schema(&mut new, "OsInfo")["properties"]["more"] = json!({ "type": "string" });
    new["paths"]["/os"]["get"]["responses"]["418"] = json!({ "description": "new" });
    new["paths"]["/os"]["get"]["parameters"].as_array_mut().expect("list").push(json!({ "name": "new", "in": "query", "schema": {} }));
    assert_eq!(incompatibilities(&old, &new), Vec::<String>::new());
}

fn schema<'a>(document: &'a mut Value, name: &str) -> &'a mut Value {
    &mut document["components"]["schemas"][name]
}
