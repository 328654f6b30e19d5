//! The document itself: operations with their parameters, bodies and answers.

use ampoule_api_types::{
    operation::{BODY_REFUSALS, COMMON_REFUSALS, Kind, Operation, Parameter, Shape},
    operations,
};
use serde_json::{Map, Value, json};

use crate::schemas;

const DESCRIPTION: &str = "What a node can be asked and told. Paths outside `/v1` have the shapes of Bottlerocket's API; a refusal there is text, \
    or JSON if the request says `Accept: application/json`. Below `/v1` every refusal is JSON. `x-role` is the least role that an operation takes: `reader` reads all but \
    secrets, `operator` runs the node, `admin` may do everything. Settings below `api`, `pki`, `updates`, `host-containers`, `bootstrap-containers` and `bootstrap-commands`, and changes after which \
    management access may be lost, take `admin` too.";

/// The document of this source.
#[must_use]
pub fn document() -> Value {
    let mut paths = Map::new();
    for operation in operations::all() {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method.as_str().to_lowercase()] = described(operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Ampoule node API", "version": "1", "description": DESCRIPTION, "license": { "name": "Apache-2.0 OR MIT" } },
        "servers": [{ "url": "http://localhost", "description": "The node's own socket, /run/api.sock, or its TLS port" }],
        "paths": paths,
        "components": { "schemas": schemas::all() },
    })
}

fn described(operation: &Operation) -> Value {
    let mut members = json!({
        "operationId": identifier(operation),
        "summary": operation.about,
        "x-role": operation.role.name(),
        "responses": responses(operation),
    });
    if !operation.parameters.is_empty() {
        members["parameters"] = operation.parameters.iter().map(|p| parameter(operation, p)).collect();
    }
    if let Some(body) = operation.body {
        members["requestBody"] = json!({ "required": !operation.body_optional, "content": content(body) });
    }
    members
}

/// `getSettings`, `postTxCommit`: method and words of the path.
fn identifier(operation: &Operation) -> String {
    let words = operation.path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut name = operation.method.as_str().to_lowercase();
    for word in words {
        name.push_str(&word[..1].to_uppercase());
        name.push_str(&word[1..]);
    }
    name
}

fn parameter(operation: &Operation, parameter: &Parameter) -> Value {
    let in_path = operation.path.contains(&format!("{{{}}}", parameter.name));
    json!({
        "name": parameter.name,
        "in": if in_path { "path" } else { "query" },
        "required": parameter.required,
        "description": parameter.about,
        "schema": kind(parameter.kind),
    })
}

fn kind(kind: Kind) -> Value {
    match kind {
        Kind::Text => json!({ "type": "string", "minLength": 1 }),
        Kind::Pattern(pattern) => json!({ "type": "string", "pattern": pattern }),
        Kind::Number(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Choice(words) => json!({ "type": "string", "enum": words }),
    }
}

fn responses(operation: &Operation) -> Value {
    let of_body = if operation.body.is_some() { BODY_REFUSALS } else { &[] };
    let refusals = COMMON_REFUSALS.iter().chain(of_body).chain(operation.refusals);
    let mut all: Map<String, Value> = refusals.map(|(status, about)| (status.to_string(), refusal(operation, about))).collect();
    all.insert(operation.status.to_string(), success(operation));
    Value::Object(all)
}

fn success(operation: &Operation) -> Value {
    match operation.answer {
        Shape::Nothing => json!({ "description": "Done." }),
        Shape::Socket => json!({ "description": "The connection goes on as a WebSocket." }),
        shape => json!({ "description": "Done.", "content": content(shape) }),
    }
}

fn refusal(operation: &Operation, about: &str) -> Value {
    let mut kinds = content(Shape::Json("ErrorBody"));
    if !operation.is_ours() {
        kinds["text/plain"] = json!({ "schema": { "type": "string" } });
    }
    json!({ "description": about, "content": kinds })
}

fn content(shape: Shape) -> Value {
    match shape {
        Shape::Nothing | Shape::Socket => json!({}),
        Shape::Json(name) => json!({ "application/json": { "schema": reference(name) } }),
        // Each line is a document; the whole is text to who reads schemas.
        Shape::Lines(name) => {
            json!({ "application/x-ndjson": { "schema": { "type": "string", "description": format!("A {name} in each line") } } })
        }
        Shape::Text(kind) => json!({ kind: { "schema": { "type": "string" } } }),
    }
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}
