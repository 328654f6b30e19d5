//! Updates: Bottlerocket's routes and ours, all of them carried out by the updater.

use super::served::Served;
use super::{Answer, Node, elsewhere, json};
use crate::answer::Refusal;
use crate::updater::{self, AskError, PATIENCE, PLAN_PATIENCE};
use crate::{Shared, node};
use ampoule_api_types::UpdateStatus;
use ampoule_api_types::operations::{
    ACTIVATE_UPDATE, DEACTIVATE_UPDATE, PREPARE_UPDATE, REFRESH_UPDATES, UPDATE_FORGIVE, UPDATE_PLAN, UPDATE_ROLLBACK, UPDATE_STATUS,
    UPDATES,
};
use ampoule_api_types::v1::{ErrorCode, ForgiveRequest, UpdatePlan, Updates, WorkloadList, WorkloadState};
use ampoule_update::command::{RefusalCode, Request};
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use serde::de::IgnoredAny;

pub(super) fn routes() -> Served {
    Served::default()
        .serve(&REFRESH_UPDATES, |State(node): Node| async move {
            done(&node, Request::Refresh, || elsewhere::not_here("Looking for updates")).await
        })
        .serve(&PREPARE_UPDATE, |State(node): Node| async move { done(&node, Request::Prepare, no_updater).await })
        .serve(&ACTIVATE_UPDATE, |State(node): Node| async move { done(&node, Request::Activate, no_updater).await })
        .serve(&DEACTIVATE_UPDATE, |State(node): Node| async move { done(&node, Request::Deactivate, no_updater).await })
        .serve(&UPDATE_STATUS, status)
        .serve(&UPDATES, updates)
        .serve(&UPDATE_PLAN, plan)
        .serve(&UPDATE_ROLLBACK, |State(node): Node| async move { done(&node, Request::Rollback, not_here).await })
        .serve(&UPDATE_FORGIVE, forgive)
}

/// Has something done. `missing` is what an image without an updater answers.
async fn done(node: &Shared, request: Request, missing: impl FnOnce() -> Refusal) -> Answer<StatusCode> {
    let asked = updater::ask::<IgnoredAny>(node, &request, PATIENCE).await;
    asked.map(|_| StatusCode::NO_CONTENT).map_err(|error| refusal(error, missing))
}

/// Bottlerocket's tools take 423 for "the command still runs", and 404 for "nothing was ever asked of the updater".
async fn status(State(node): Node) -> Answer<Json<UpdateStatus>> {
    let updates: Updates = updater::ask(&node, &Request::Status, PATIENCE).await.map_err(|error| refusal(error, no_updater))?;
    if let Some(progress) = &updates.progress {
        return Err(locked(format!("`{}` runs: {}", progress.command, progress.step)));
    }
    if updates.status.most_recent_command.is_none() {
        return Err(Refusal::not_found("Updates were never looked for").hint("`ampctl update check` does"));
    }
    Ok(Json(updates.status))
}

async fn updates(State(node): Node) -> Answer<Json<Updates>> {
    updater::ask(&node, &Request::Status, PATIENCE).await.map(Json).map_err(|error| refusal(error, not_here))
}

async fn plan(State(node): Node) -> Answer<Json<UpdatePlan>> {
    let asked = updater::ask(&node, &Request::Plan, PLAN_PATIENCE).await;
    let plan: UpdatePlan = asked.map_err(|error| refusal(error, not_here))?;
    let workloads = if plan.reboot { running(&node).await } else { Vec::new() };
    Ok(Json(UpdatePlan { workloads, ..plan }))
}

/// Workloads that run; none on a node that has no workloads.
async fn running(node: &Shared) -> Vec<String> {
    let told = node::status(&node.options.run, "hostd").await.unwrap_or_default();
    let list: WorkloadList = serde_json::from_value(told).unwrap_or_default();
    list.workloads.into_iter().filter(|w| w.state == WorkloadState::Running).map(|w| w.name).collect()
}

async fn forgive(State(node): Node, body: Body) -> Answer<StatusCode> {
    let ForgiveRequest { version } = json(body).await?;
    done(&node, Request::Forgive { version }, not_here).await
}

fn refusal(error: AskError, missing: impl FnOnce() -> Refusal) -> Refusal {
    let refused = match error {
        AskError::Missing => return missing(),
        AskError::Unreachable(_) => return Refusal::unreachable(error.to_string()).hint("see `ampctl logs updated`"),
        AskError::Refused(refused) => refused,
    };
    match refused.code {
        RefusalCode::Busy => locked(refused.message),
        RefusalCode::State => Refusal::conflict(refused.message),
        RefusalCode::NoUpdate | RefusalCode::NotFound => Refusal::not_found(refused.message),
        RefusalCode::Failed => {
            let hint = refused.hint.unwrap_or_else(|| "see `ampctl logs updated`".to_owned());
            Refusal::failed(refused.message).hint(hint)
        }
    }
}

fn locked(message: String) -> Refusal {
    Refusal::new(StatusCode::LOCKED, ErrorCode::Busy, message).hint("`ampctl update status` shows how far it is")
}

fn not_here() -> Refusal {
    elsewhere::not_here("Updating")
}

/// Bottlerocket's status for a node that knows of no update.
fn no_updater() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, ErrorCode::NotAvailable, "There is no update: an updater is not available on this image")
}
