//! User data after first boot: a change of it is shown as a plan, and taken only when somebody says so.

use super::changes::trial_of;
use super::served::Served;
use super::{Answer, Node, json_or_default};
use crate::answer::Refusal;
use crate::engine::{self, What, Wish};
use crate::role::Caller;
use crate::{Shared, user_data};
use ampoule_api_types::operations::{APPLY_USER_DATA, USER_DATA};
use ampoule_api_types::v1::{ApplyReport, ApplyState, ErrorCode, UserDataRequest, UserDataState, UserDataStatus};
use ampoule_settings::{Change, Fragment};
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde_json::Value;

pub(super) fn routes() -> Served {
    Served::default().serve(&USER_DATA, status).serve(&APPLY_USER_DATA, apply)
}

/// What the node sees now, and what leads there.
struct Step {
    seen: Fragment,
    errors: Vec<String>,
    change: Change,
}

/// Nothing leads anywhere if any of it is wrong, or a place that may have some has not answered: what it held would seem to be gone.
async fn step(node: &Shared) -> Step {
    let core = node.core.lock().await;
    let user_data::Seen { chosen: seen, errors } = user_data::see(&node.options, &core.model);
    let change = match user_data::taken(&node.options, &core.model, core.steps()) {
        Some(taken) if errors.is_empty() && user_data::open_sources(&node.options).is_empty() => {
            Change::following(&taken, &seen, &core.layers().chosen)
        }
        _ => Change::default(),
    };
    Step { seen, errors, change }
}

async fn status(State(node): Node) -> Answer<Json<UserDataStatus>> {
    let Step { errors, change, .. } = step(&node).await;
    let is_open = !user_data::open_sources(&node.options).is_empty();
    let state = match (errors.is_empty(), is_open, change.is_empty()) {
        (false, ..) => UserDataState::Wrong,
        (true, true, _) => UserDataState::Awaited,
        (true, false, true) => UserDataState::Taken,
        (true, false, false) => UserDataState::Changed,
    };
    let sources = user_data::sources(&node.options);
    let sources = if sources.is_empty() { Value::Null } else { serde_json::to_value(sources).unwrap_or_default() };
    let mut status = UserDataStatus { state, errors, plan: None, sources };
    if state == UserDataState::Changed {
        match engine::plan(&node, &What::Change { transaction: None, change }).await {
            // One shape on the wire for both.
            Ok(plan) => status.plan = serde_json::to_value(plan).and_then(serde_json::from_value).ok(),
            Err(refusal) => (status.state, status.errors) = (UserDataState::Wrong, vec![refusal.to_string()]),
        }
    }
    Ok(Json(status))
}

async fn apply(State(node): Node, Extension(caller): Extension<Caller>, body: Body) -> Answer<Json<ApplyReport>> {
    let UserDataRequest { plan, confirm_seconds } = json_or_default(body).await?;
    let Step { seen, errors, change } = step(&node).await;
    if let Some(error) = errors.first() {
        return Err(
            Refusal::bad_request(format!("The user data is wrong: {error}")).hint("GET /v1/user-data lists everything that is wrong")
        );
    }
    if let Some(place) = user_data::open_sources(&node.options).first() {
        let text = format!("{} has not answered, and may have user data: {}", place.source, place.detail);
        return Err(Refusal::conflict(text).hint("GET /v1/user-data says when every place has answered"));
    }
    if change.is_empty() {
        let text = "The user data is what was taken last; there is nothing to change";
        return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::NothingPending, text));
    }
    let wish = Wish::new(What::Change { transaction: None, change }, &caller, trial_of(&node, confirm_seconds)?);
    let report = engine::apply(&node, Wish { plan, message: "Changed user data".to_owned(), ..wish }).await?;
    if report.state != ApplyState::RolledBack {
        let form = node.core.lock().await.form();
        user_data::keep(&node.options, form, &seen);
    }
    Ok(Json(report))
}
