//! Plans and applies, confirming and taking back.

use super::served::Served;
use super::transactions::Transaction;
use super::{Answer, Node, json, json_or_default};
use crate::answer::Refusal;
use crate::engine::{self, What, Wish};
use crate::role::Caller;
use crate::{Shared, generation, transactions, trial};
use ampoule_api_types::operations::{APPLY_CHANGE, APPLY_REPORT, CONFIRM, PLAN, ROLL_BACK};
use ampoule_api_types::v1::{ApplyReport, ApplyRequest, ConfirmRequest, PlanRequest, StandingInfo};
use ampoule_confirm::{Reason, Trial};
use ampoule_plan::Plan;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::{Extension, Json};
use std::sync::Arc;

/// Longest message of a change, in characters: a line of a list.
const MAX_MESSAGE: usize = 200;

pub(super) fn routes() -> Served {
    Served::default()
        .serve(&PLAN, plan)
        .serve(&APPLY_CHANGE, apply)
        .serve(&APPLY_REPORT, report)
        .serve(&CONFIRM, confirm)
        .serve(&ROLL_BACK, roll_back)
}

async fn plan(State(node): Node, Query(Transaction { tx }): Query<Transaction>, body: Body) -> Answer<Json<Plan>> {
    let PlanRequest { settings, unset } = json_or_default(body).await?;
    let change = transactions::change(&node.core.lock().await.model, settings.as_ref(), &unset)?;
    engine::plan(&node, &What::Change { transaction: tx, change }).await.map(Json)
}

async fn apply(State(node): Node, Extension(caller): Extension<Caller>, body: Body) -> Answer<Json<ApplyReport>> {
    let ApplyRequest { plan, settings, unset, tx, confirm_seconds, message } = json(body).await?;
    let change = transactions::change(&node.core.lock().await.model, settings.as_ref(), &unset)?;
    let what = What::Change { transaction: tx, change };
    let wish = Wish { plan, message: line(message)?, ..Wish::new(what, &caller, trial_of(&node, confirm_seconds)?) };
    engine::apply(&node, wish).await.map(Json)
}

/// The trial that a request asks for.
pub(super) fn trial_of(node: &Shared, confirm_seconds: Option<u64>) -> Answer<Trial> {
    let most = ampoule_confirm::MAX_WINDOW_MS / 1000;
    match confirm_seconds {
        None => Ok(node.options.probation()),
        Some(seconds) if (1..=most).contains(&seconds) => Ok(Trial::confirm_within(seconds * 1000)),
        Some(seconds) => Err(Refusal::bad_request(format!("`confirm-seconds` is {seconds}; it may be from 1 to {most}"))),
    }
}

/// A message as it is kept.
pub(super) fn line(message: Option<String>) -> Answer<String> {
    let message = message.unwrap_or_default();
    let fits = message.chars().count() <= MAX_MESSAGE && !message.chars().any(char::is_control);
    if fits { Ok(message) } else { Err(Refusal::bad_request(format!("`message` is one line of at most {MAX_MESSAGE} characters"))) }
}

async fn report(State(node): Node, Path(id): Path<u64>) -> Answer<Json<ApplyReport>> {
    let mut report = node.applies.get(id).ok_or_else(|| Refusal::not_found(format!("There is no report of apply {id}")))?;
    if !report.state.is_final() {
        let core = node.core.lock().await;
        report.trial = generation::trial(&core.standing(), core.clock.now().boot_ms);
    }
    Ok(Json(report))
}

async fn confirm(State(node): Node, Extension(caller): Extension<Caller>, body: Body) -> Answer<Json<StandingInfo>> {
    let ConfirmRequest { generation } = json(body).await?;
    let mut turn = node.turn.lock().await;
    trial::confirm(&node, &mut turn, generation, &caller.name).await?;
    Ok(Json(standing(&node).await))
}

async fn roll_back(State(node): Node, Extension(caller): Extension<Caller>) -> Answer<Json<StandingInfo>> {
    let own = Arc::clone(&node);
    // To its end, even if whoever asked goes away.
    let done = tokio::spawn(async move {
        let mut turn = own.turn.lock().await;
        let standing = own.core.lock().await.standing();
        if standing.open.is_none() {
            return Err(ampoule_store::RollBackError::NothingOpen { confirmed: standing.confirmed });
        }
        trial::take_back(&own, &mut turn, Reason::Asked { by: caller.name }).await;
        Ok(())
    });
    done.await.map_err(|e| Refusal::failed(e.to_string()))??;
    Ok(Json(standing(&node).await))
}

/// Which generation counts now.
pub(super) async fn standing(node: &Shared) -> StandingInfo {
    let core = node.core.lock().await;
    generation::standing(core.generation(), &core.standing(), core.clock.now().boot_ms)
}
