//! Settings: what is in force, and changes on their way into a transaction.

use super::transactions::Transaction;
use super::{Answer, Node, json};
use crate::answer::Refusal;
use crate::core::Core;
use crate::role::{Caller, Role};
use crate::{Shared, transactions, tree};
use ampoule_api_types::{Keypairs, OsInfo};
use ampoule_settings::Fragment;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::{delete, get, patch};
use axum::{Extension, Json, Router};
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/", get(whole))
        .route("/settings", get(settings).patch(set))
        .route("/settings/keypair", patch(set_pairs))
        .route("/v1/settings", delete(unset))
}

#[derive(Deserialize)]
struct Selection {
    keys: Option<String>,
    prefix: Option<String>,
}

/// What this caller may see of the settings.
fn visible(core: &Core, caller: &Caller) -> Fragment {
    let all = core.state().whole.clone();
    if caller.role == Role::Reader { tree::without_secrets(&all) } else { all }
}

async fn settings(State(node): Node, Extension(caller): Extension<Caller>, Query(wanted): Query<Selection>) -> Answer<Json<Value>> {
    let all = visible(&*node.core.lock().await, &caller);
    let part = match (wanted.keys.as_deref(), wanted.prefix.as_deref()) {
        (Some(""), _) | (None, Some("")) => {
            return Err(Refusal::bad_request("An empty `keys` or `prefix` selects nothing").hint("leave it out to get all"));
        }
        (Some(keys), _) => {
            tree::at_or_below(&all, &tree::keys(keys)).map_err(|k| Refusal::not_found(format!("settings.{k} is not set")))?
        }
        (None, Some(prefix)) => tree::beginning_with(&all, prefix),
        (None, None) => all,
    };
    Ok(Json(part.to_json()))
}

async fn set(State(node): Node, Query(tx): Query<Transaction>, body: Body) -> Answer<StatusCode> {
    let settings: Value = json(body).await?;
    let mut core = node.core.lock().await;
    let change = transactions::change(&core.model, Some(&settings), &[])?;
    core.transactions.add(tx.name(), change)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn set_pairs(State(node): Node, Query(tx): Query<Transaction>, body: Body) -> Answer<StatusCode> {
    let pairs: Keypairs = json(body).await?;
    let mut core = node.core.lock().await;
    let change = transactions::pairs(&core.model, &pairs.request_payload)?;
    core.transactions.add(tx.name(), change)?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct Removal {
    keys: String,
    tx: Option<String>,
}

/// Marks keys for removal: what people chose at or below them goes back to what the image says, once the transaction is committed.
async fn unset(State(node): Node, Query(Removal { keys, tx }): Query<Removal>) -> Answer<StatusCode> {
    if keys.is_empty() {
        return Err(Refusal::bad_request("An empty `keys` removes nothing").hint("name keys, divided by commas"));
    }
    let mut core = node.core.lock().await;
    let change = transactions::change(&core.model, None, &tree::keys(&keys))?;
    core.transactions.add(Transaction { tx }.name(), change)?;
    Ok(StatusCode::NO_CONTENT)
}

/// The whole model: settings and what the node runs.
async fn whole(State(node): Node, Extension(caller): Extension<Caller>, Query(wanted): Query<Selection>) -> Answer<Json<Value>> {
    let prefix = wanted.prefix.unwrap_or_default();
    let settings = tree::beginning_with(&visible(&*node.core.lock().await, &caller), &prefix);
    let mut all = serde_json::Map::new();
    if !settings.is_empty() {
        all.insert("settings".into(), settings.to_json());
    }
    if "os".starts_with(prefix.trim_end_matches('.')) {
        let os: OsInfo = super::node::os_info(&node)?;
        all.insert("os".into(), serde_json::to_value(os).unwrap_or_default());
    }
    Ok(Json(Value::Object(all)))
}
