//! Settings: what is in force, and changes on their way into a transaction.

use super::served::Served;
use super::transactions::Transaction;
use super::{Answer, Node, json, metadata};
use crate::answer::Refusal;
use crate::core::Core;
use crate::role::Caller;
use crate::{transactions, tree};
use ampoule_api_types::operations::{PATCH_PAIRS, PATCH_SETTINGS, SETTINGS, UNSET, WHOLE};
use ampoule_api_types::{Keypairs, WholeModel};
use ampoule_settings::{Change, Fragment};
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::Value;

pub(super) fn routes() -> Served {
    Served::default()
        .serve(&WHOLE, whole)
        .serve(&SETTINGS, settings)
        .serve(&PATCH_SETTINGS, set)
        .serve(&PATCH_PAIRS, set_pairs)
        .serve(&UNSET, unset)
}

#[derive(Deserialize)]
struct Selection {
    keys: Option<String>,
    prefix: Option<String>,
}

/// What this caller may see of the settings.
fn visible(core: &Core, caller: &Caller) -> Fragment {
    let all = core.state().whole.clone();
    if caller.sees_secrets() { all } else { tree::without_secrets(&all) }
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

async fn set(State(node): Node, Extension(caller): Extension<Caller>, Query(tx): Query<Transaction>, body: Body) -> Answer<StatusCode> {
    let settings: Value = json(body).await?;
    let mut core = node.core.lock().await;
    let change = transactions::change(&core.model, Some(&settings), &[])?;
    add(&mut core, &caller, tx.name(), change)
}

/// What somebody may not change does not even wait: whoever commits the transaction would be refused.
fn add(core: &mut Core, caller: &Caller, transaction: &str, change: Change) -> Answer<StatusCode> {
    caller.may_set(change.keys().iter().map(String::as_str))?;
    core.transactions.add(transaction, change)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn set_pairs(
    State(node): Node,
    Extension(caller): Extension<Caller>,
    Query(tx): Query<Transaction>,
    body: Body,
) -> Answer<StatusCode> {
    let pairs: Keypairs = json(body).await?;
    let mut core = node.core.lock().await;
    let change = transactions::pairs(&core.model, &pairs.request_payload)?;
    add(&mut core, &caller, tx.name(), change)
}

#[derive(Deserialize)]
struct Removal {
    keys: String,
    tx: Option<String>,
}

/// Marks keys for removal: what people chose at or below them goes back to what the image says, once the transaction is committed.
async fn unset(State(node): Node, Extension(caller): Extension<Caller>, Query(Removal { keys, tx }): Query<Removal>) -> Answer<StatusCode> {
    if keys.is_empty() {
        return Err(Refusal::bad_request("An empty `keys` removes nothing").hint("name keys, divided by commas"));
    }
    let mut core = node.core.lock().await;
    let change = transactions::change(&core.model, None, &tree::keys(&keys))?;
    add(&mut core, &caller, Transaction { tx }.name(), change)
}

/// The whole model: settings, services, files and what the node runs. A prefix here has its kind in front; what it leaves empty is absent.
async fn whole(State(node): Node, Extension(caller): Extension<Caller>, Query(wanted): Query<Selection>) -> Answer<Json<WholeModel>> {
    let prefix = match wanted.prefix.as_deref() {
        Some("") => return Err(Refusal::bad_request("An empty `prefix` selects nothing").hint("leave it out to get all")),
        prefix => prefix.unwrap_or_default(),
    };
    let os = super::node::os_fields(&node, prefix)?;
    let core = node.core.lock().await;
    let settings = visible(&core, &caller).only(|key| format!("settings.{key}").starts_with(prefix));
    let services = metadata::beginning_with("services", metadata::all_services(&core), prefix);
    let files = metadata::beginning_with("configuration-files", metadata::all_files(&core), prefix);
    Ok(Json(WholeModel {
        settings: (!settings.is_empty()).then(|| settings.to_json()),
        services: (!services.is_empty()).then_some(services),
        configuration_files: (!files.is_empty()).then_some(files),
        os: (!os.is_empty()).then_some(Value::Object(os)),
    }))
}
