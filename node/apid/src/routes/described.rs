//! What settings there are, and who gave each its value.

use super::served::Served;
use super::{Answer, Node};
use crate::answer::Refusal;
use ampoule_api_types::operations::{PENDING_V2, SCHEMA, SETTINGS_WITH_SOURCE};
use ampoule_api_types::v1::{SettingList, SettingValue, ValueSource};
use ampoule_api_types::{PendingValue, PendingValues, Strength};
use ampoule_settings::{Layers, Source, is_secret};
use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::Value;

use super::transactions::Transaction;
use crate::tree;

pub(super) fn routes() -> Served {
    Served::default().serve(&SCHEMA, schema).serve(&SETTINGS_WITH_SOURCE, list).serve(&PENDING_V2, pending)
}

async fn schema(State(node): Node) -> Json<Value> {
    Json(node.core.lock().await.model.schema())
}

#[derive(Deserialize)]
struct Wanted {
    with: Option<With>,
    prefix: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum With {
    Source,
}

/// Secrets are named and shown to nobody here: who needs one has `/settings`.
async fn list(State(node): Node, Query(Wanted { with, prefix }): Query<Wanted>) -> Answer<Json<SettingList>> {
    if prefix.as_deref() == Some("") {
        return Err(Refusal::bad_request("An empty `prefix` selects nothing").hint("leave it out to get all"));
    }
    let core = node.core.lock().await;
    let whole = tree::beginning_with(&core.state().whole, prefix.as_deref().unwrap_or_default());
    let layers = with.map(|With::Source| core.layers());
    let settings = whole.keys().map(|key| setting(key, whole.get(key), layers)).collect();
    Ok(Json(SettingList { settings }))
}

fn setting(key: &str, value: Option<&Value>, layers: Option<&Layers>) -> SettingValue {
    let secret = is_secret(key);
    let source = layers.and_then(|layers| layers.source(key)).map(|source| match source {
        Source::Default => ValueSource::Default,
        Source::Generated => ValueSource::Generated,
        Source::Chosen => ValueSource::Chosen,
    });
    SettingValue { key: format!("settings.{key}"), value: value.filter(|_| !secret).cloned(), source, secret }
}

/// What is sent is strong: a person wanted it. A key that goes back to its default has no value.
async fn pending(State(node): Node, Query(tx): Query<Transaction>) -> Json<PendingValues> {
    let change = node.core.lock().await.transactions.get(tx.name());
    let value = |key: &String| PendingValue { value: change.set().get(key).cloned().unwrap_or_default(), strength: Strength::Strong };
    Json(change.keys().iter().map(|key| (format!("settings.{key}"), value(key))).collect())
}
