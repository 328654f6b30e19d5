//! Transactions, as Bottlerocket's tools use them.

use super::metadata::{self, Keys};
use super::served::Served;
use super::{Answer, Node};
use crate::answer::Refusal;
use crate::engine::{self, What, Wish};
use crate::role::Caller;
use crate::{transactions, tree};
use ampoule_api_types::DEFAULT_TRANSACTION;
use ampoule_api_types::operations::{APPLY, COMMIT, COMMIT_AND_APPLY, DISCARD, PENDING, TRANSACTIONS};
use ampoule_api_types::v1::{ApplyReport, ApplyState};
use ampoule_settings::Change;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::Value;

pub(super) fn routes() -> Served {
    Served::default()
        .serve(&PENDING, pending)
        .serve(&DISCARD, discard)
        .serve(&TRANSACTIONS, list)
        .serve(&COMMIT, commit)
        .serve(&APPLY, apply)
        .serve(&COMMIT_AND_APPLY, commit_and_apply)
}

/// The transaction that a request names.
#[derive(Deserialize)]
pub(super) struct Transaction {
    pub(super) tx: Option<String>,
}

impl Transaction {
    pub(super) fn name(&self) -> &str {
        self.tx.as_deref().unwrap_or(DEFAULT_TRANSACTION)
    }
}

async fn pending(State(node): Node, Extension(caller): Extension<Caller>, Query(tx): Query<Transaction>) -> Json<Value> {
    let change = node.core.lock().await.transactions.get(tx.name());
    let all = change.set();
    Json(if caller.sees_secrets() { all.to_json() } else { tree::without_secrets(all).to_json() })
}

async fn discard(State(node): Node, Query(tx): Query<Transaction>) -> Json<Vec<String>> {
    Json(transactions::prefixed(&node.core.lock().await.transactions.remove(tx.name())))
}

async fn list(State(node): Node) -> Json<Vec<String>> {
    Json(node.core.lock().await.transactions.names())
}

async fn commit(State(node): Node, Extension(caller): Extension<Caller>, Query(tx): Query<Transaction>) -> Answer<Json<Vec<String>>> {
    engine::commit(&node, tx.name(), &caller).await.map(Json)
}

/// Everything that the live settings lead to, again: every file and every service that reads one; of the keys named, if any are.
async fn apply(State(node): Node, Extension(caller): Extension<Caller>, Query(wanted): Query<Keys>) -> Answer<StatusCode> {
    let keys = wanted.list()?.map(|keys| keys.into_iter().map(metadata::canonical).collect::<Vec<_>>());
    // A key that is none is refused, as a wrong key is elsewhere.
    transactions::change(&node.core.lock().await.model, None, keys.as_deref().unwrap_or_default())?;
    let wish = Wish::new(What::Again(keys), &caller, node.options.probation());
    as_status(&engine::apply(&node, wish).await?)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn commit_and_apply(
    State(node): Node,
    Extension(caller): Extension<Caller>,
    Query(tx): Query<Transaction>,
) -> Answer<Json<Vec<String>>> {
    let keys = transactions::prefixed(&node.core.lock().await.transactions.pending(tx.name())?);
    let what = What::Change { transaction: Some(tx.name().to_owned()), change: Change::default() };
    as_status(&engine::apply(&node, Wish::new(what, &caller, node.options.probation())).await?)?;
    Ok(Json(keys))
}

/// Bottlerocket's clients look at the status alone.
fn as_status(report: &ApplyReport) -> Answer<()> {
    let reason = report.reason.as_deref().unwrap_or_default();
    if report.state == ApplyState::RolledBack {
        let hint = "mend the settings and commit them again; the ones before are in force";
        return Err(Refusal::failed(format!("Generation {} was taken back: {reason}", report.generation)).hint(hint));
    }
    if reason.is_empty() { Ok(()) } else { Err(Refusal::failed(reason).hint("POST /tx/apply tries again")) }
}
