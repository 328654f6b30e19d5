//! Generations: what the settings were, what differs, and back to one of them.

use super::changes::{line, standing, trial_of};
use super::served::Served;
use super::{Answer, Node, json_or_default};
use crate::answer::Refusal;
use crate::core::Core;
use crate::engine::{self, What, Wish};
use crate::generation;
use crate::role::Caller;
use ampoule_api_types::operations::{GENERATION, GENERATION_DIFF, GENERATIONS, RESTORE};
use ampoule_api_types::v1::{ApplyReport, GenerationDetail, GenerationDiff, GenerationList, PlannedKey, RestoreRequest};
use ampoule_plan::{Plan, State as Live};
use ampoule_report::chain;
use ampoule_settings::Fragment;
use ampoule_store::{Generation, Origin};
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::{Extension, Json};
use serde::Deserialize;

pub(super) fn routes() -> Served {
    Served::default().serve(&GENERATIONS, list).serve(&GENERATION, one).serve(&GENERATION_DIFF, diff).serve(&RESTORE, restore)
}

async fn list(State(node): Node) -> Answer<Json<GenerationList>> {
    let standing = standing(&node).await;
    let mut core = node.core.lock().await;
    let kept = core.store().map(|store| store.list()).transpose().map_err(|e| Refusal::unreachable(chain(&e)))?;
    let generations = kept.unwrap_or_default().into_iter().map(generation::summary).collect();
    let damaged = core.store().map(|store| store.damaged().iter().map(|path| path.display().to_string()).collect()).unwrap_or_default();
    let problems = core.problems().iter().map(generation::problem).collect();
    Ok(Json(GenerationList { standing, generations, damaged, problems }))
}

async fn one(State(node): Node, Path(number): Path<u64>) -> Answer<Json<GenerationDetail>> {
    let mut core = node.core.lock().await;
    let found = get_generation(&mut core, number)?;
    let content = core.carried(&found).ok_or_else(|| unknown_form(number))?.content;
    Ok(Json(generation::detail(&core.model, &found, content)))
}

#[derive(Deserialize)]
struct To {
    to: Option<u64>,
}

/// Key by key; secrets are named and not shown.
async fn diff(State(node): Node, Path(from): Path<u64>, Query(To { to }): Query<To>) -> Answer<Json<GenerationDiff>> {
    let mut core = node.core.lock().await;
    let to = to.unwrap_or_else(|| core.generation());
    let (before, after) = (live(&mut core, from)?, live(&mut core, to)?);
    let keys = Plan::between(&core.image, Some(&before), &after).keys;
    // One shape on the wire for both.
    let keys = serde_json::to_value(keys).and_then(serde_json::from_value::<Vec<PlannedKey>>);
    Ok(Json(GenerationDiff { from, to, keys: keys.map_err(|e| Refusal::failed(e.to_string()))? }))
}

/// A change like any other, with the content of an earlier generation.
async fn restore(State(node): Node, Extension(caller): Extension<Caller>, Path(of): Path<u64>, body: Body) -> Answer<Json<ApplyReport>> {
    let RestoreRequest { confirm_seconds, message } = json_or_default(body).await?;
    let (chosen, aside) = {
        let mut core = node.core.lock().await;
        let found = get_generation(&mut core, of)?;
        let content = core.carried(&found).ok_or_else(|| unknown_form(of))?.content;
        (Fragment::from_json(&core.model, &content.chosen).map_err(crate::transactions::ChangeError::Settings)?, content.aside)
    };
    let wish = Wish::new(What::Whole(chosen, aside), &caller, trial_of(&node, confirm_seconds)?);
    engine::apply(&node, Wish { origin: Origin::Restore { of }, message: line(message)?, ..wish }).await.map(Json)
}

fn get_generation(core: &mut Core, number: u64) -> Answer<Generation> {
    let found = core.store().map(|store| store.get(number)).transpose().map_err(|e| Refusal::failed(chain(&e)))?.flatten();
    let absent =
        || Refusal::not_found(format!("Generation {number} is not kept, or damaged")).hint("GET /v1/generations lists those there are");
    found.ok_or_else(absent)
}

fn unknown_form(number: u64) -> Refusal {
    Refusal::conflict(format!("Generation {number} was made by a newer version, in a form that this one does not know"))
        .hint("its settings are those of that version")
}

fn live(core: &mut Core, number: u64) -> Answer<Live> {
    let found = get_generation(core, number)?;
    core.state_of(&found).ok_or_else(|| Refusal::conflict(format!("The settings of generation {number} do not fit this image")))
}
