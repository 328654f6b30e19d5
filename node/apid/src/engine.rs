//! The one walk of a change: pending → plan → commit → apply → health → confirmed or taken back. One change at a time has its turn.

use crate::answer::Refusal;
use crate::apply::{self, Done};
use crate::clock::unix_ms;
use crate::core::{About, Core, Prepared};
use crate::generated::Found;
use crate::health::Watch;
use crate::migration::Kept;
use crate::role::Caller;
use crate::transactions::{ChangeError, prefixed};
use crate::{Shared, generation, remote, trial};
use ampoule_api_types::v1::{ApplyReport, ApplyState, EventKind};
use ampoule_confirm::{Reason, Trial};
use ampoule_plan::{Plan, State};
use ampoule_settings::{Change, Fragment};
use ampoule_store::Origin;
use std::sync::Arc;

/// Most keys, files or services named in a report: a person reads the first; all of them are in the plan.
const MOST_NAMED: usize = 100;
/// Longest key in a report, in characters.
const LONGEST_KEY: usize = 160;

/// What whoever has the turn knows of the node.
#[derive(Debug)]
pub(crate) struct Turn {
    /// The settings that files and services were last given.
    pub(crate) applied: State,
    /// About the generation on trial.
    pub(crate) watched: Watched,
}

/// What is watched while a generation is on trial.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    /// The services it touches, with all that were touched since the last confirmed generation.
    pub(crate) services: Watch,
    /// The applies that hang on it.
    pub(crate) applies: Vec<u64>,
    /// It was applied; a commit alone has no effect that could be judged.
    pub(crate) is_applied: bool,
    /// All services were ready once, so that the window runs.
    pub(crate) is_settled: bool,
    /// It is good, and that could not be written down yet.
    pub(crate) is_stuck: bool,
}

/// What is wished.
#[derive(Debug)]
pub(crate) enum What {
    /// A change on top of what is in force.
    Change {
        /// A transaction, taken first and used up.
        transaction: Option<String>,
        /// What is added to it.
        change: Change,
    },
    /// Exactly these settings, as an earlier generation had them, with what it kept for other forms.
    Whole(Fragment, Kept),
    /// What is in force, with values that the node made since.
    Generated(Found),
    /// What is in force, with every file and every service that reads one; with keys, only those of these settings.
    Again(Option<Vec<String>>),
}

/// A wish and who has it.
#[derive(Debug)]
pub(crate) struct Wish {
    /// What.
    pub(crate) what: What,
    /// The plan it is about, if one was made.
    pub(crate) plan: Option<String>,
    /// How it is confirmed.
    pub(crate) trial: Trial,
    /// What for.
    pub(crate) message: String,
    /// Where it comes from.
    pub(crate) origin: Origin,
    /// Who.
    pub(crate) by: Caller,
}

impl Wish {
    /// A plain one, through the API.
    pub(crate) fn new(what: What, by: &Caller, trial: Trial) -> Self {
        Self { what, plan: None, trial, message: String::new(), origin: Origin::Api, by: by.clone() }
    }
}

/// Applies a wish: returns when it is in effect (files written, services ready) or was taken back. It goes on to its end even if whoever asked goes away.
///
/// # Errors
/// It was refused; nothing changed.
pub(crate) async fn apply(node: &Arc<Shared>, wish: Wish) -> Result<ApplyReport, Refusal> {
    let own = Arc::clone(node);
    let whole = tokio::spawn(async move {
        let id = begin(&own, wish).await?;
        own.wake.notify_one();
        own.applies.settled(id).await.ok_or_else(|| Refusal::not_found("The report of this apply was dropped"))
    });
    whole.await.unwrap_or_else(|e| Err(Refusal::failed(e.to_string())))
}

/// Commits a transaction without applying it. Returns its keys.
///
/// # Errors
/// It was refused; nothing changed.
pub(crate) async fn commit(node: &Arc<Shared>, transaction: &str, by: &Caller) -> Result<Vec<String>, Refusal> {
    let mut turn = node.turn.lock().await;
    trial::tick(node, &mut turn).await;
    let mut core = node.core.lock().await;
    let change = core.transactions.pending(transaction)?;
    let prepared = core.prepare(&change)?;
    by.may_do(&Plan::between(&core.image, Some(core.state()), &prepared.state))?;
    if !core.is_in_force(&prepared) {
        commit_prepared(node, &mut core, prepared, &Wish::new(What::Again(None), by, node.options.probation()), &prefixed(&change))?;
        turn.watched.is_applied = false;
        turn.watched.is_settled = false;
    }
    core.transactions.remove(transaction);
    Ok(prefixed(&change))
}

/// What a wish would do now.
///
/// # Errors
/// It would be refused.
pub(crate) async fn plan(node: &Arc<Shared>, what: &What) -> Result<Plan, Refusal> {
    let turn = node.turn.lock().await;
    let core = node.core.lock().await;
    let (prepared, _) = prepare(&core, what)?;
    Ok(Plan::between(&core.image, Some(&turn.applied), &prepared.state))
}

/// An apply up to where its services were told.
async fn begin(node: &Arc<Shared>, wish: Wish) -> Result<u64, Refusal> {
    let mut turn = node.turn.lock().await;
    // What is due comes first: a window that is over must not be handed on to the next change.
    trial::tick(node, &mut turn).await;
    let (plan, report) = decide(node, &turn, &wish).await?;
    let id = node.applies.begin(report, &node.events);
    if node.applies.get(id).is_some_and(|r| r.state == ApplyState::Applying) {
        carry_out(node, &mut turn, id, plan).await;
        trial::tick(node, &mut turn).await;
    }
    Ok(id)
}

/// From the wish to a plan and, if settings differ, a new generation.
async fn decide(node: &Arc<Shared>, turn: &Turn, wish: &Wish) -> Result<(Plan, ApplyReport), Refusal> {
    let mut core = node.core.lock().await;
    let (prepared, change) = prepare(&core, &wish.what)?;
    let plan = match wish.what {
        What::Again(ref keys) => Plan::again(&core.image, &turn.applied, core.state(), keys.as_deref()),
        _ => Plan::between(&core.image, Some(&turn.applied), &prepared.state),
    };
    // What is in force already is nobody's change any more.
    if !matches!(wish.what, What::Again(_)) {
        wish.by.may_do(&plan)?;
    }
    if wish.plan.as_ref().is_some_and(|id| *id != plan.id) {
        return Err(Refusal::conflict("The node is not as it was when this plan was made; nothing was changed").hint("make a new plan"));
    }
    let keys = match wish.what {
        What::Whole(..) | What::Generated(_) => plan.keys.iter().map(|k| format!("settings.{}", k.key)).collect(),
        What::Change { .. } | What::Again(_) => prefixed(&change),
    };
    let is_new = !core.is_in_force(&prepared);
    if is_new {
        commit_prepared(node, &mut core, prepared, wish, &keys)?;
    } else {
        core.adopt(prepared);
    }
    if let What::Change { transaction: Some(name), .. } = &wish.what {
        core.transactions.remove(name);
    }
    let is_idle = !is_new && plan.is_empty() && !matches!(wish.what, What::Again(_));
    let state = if is_idle { ApplyState::Unchanged } else { ApplyState::Applying };
    let report = report(&core, wish, &plan, state, keys);
    Ok((plan, report))
}

fn prepare(core: &Core, what: &What) -> Result<(Prepared, Change), ChangeError> {
    match what {
        What::Change { transaction, change } => {
            let pending = transaction.as_ref().map(|name| core.transactions.get(name)).unwrap_or_default();
            let whole = pending.then(change.clone());
            if whole.is_empty() {
                return Err(transaction.clone().map_or(ChangeError::Nothing, ChangeError::NothingPending));
            }
            Ok((core.prepare(&whole)?, whole))
        }
        What::Whole(chosen, aside) => Ok((core.prepare_whole(chosen.clone(), aside.clone())?, Change::setting(chosen.clone()))),
        What::Generated(found) => Ok((core.prepare_generated(found)?, Change::default())),
        What::Again(_) => Ok((core.prepare(&Change::default())?, Change::default())),
    }
}

fn commit_prepared(node: &Shared, core: &mut Core, prepared: Prepared, wish: &Wish, keys: &[String]) -> Result<(), Refusal> {
    let Wish { by: Caller { name: author, .. }, message, origin, trial, .. } = wish;
    let about = About { author: author.clone(), message: message.clone(), origin: origin.clone(), trial: *trial };
    let generation = core.commit(prepared, about)?;
    log::info!("{author} made generation {generation}: {}", keys.join(" "));
    node.events.tell(EventKind::Committed { generation, author: author.clone(), keys: shortened(keys) });
    Ok(())
}

fn report(core: &Core, wish: &Wish, plan: &Plan, state: ApplyState, keys: Vec<String>) -> ApplyReport {
    ApplyReport {
        id: 0,
        state,
        generation: core.generation(),
        author: wish.by.name.clone(),
        message: wish.message.clone(),
        plan: plan.id.clone(),
        keys: shortened(&keys),
        files: Vec::new(),
        services: Vec::new(),
        remote_error: None,
        trial: generation::trial(&core.standing(), core.clock.now().boot_ms),
        reason: None,
        rolled_back_by: None,
        time_ms: unix_ms(),
    }
}

/// Bounded in number and length: reports and events are kept in memory.
fn shortened(keys: &[String]) -> Vec<String> {
    let more = keys.len().saturating_sub(MOST_NAMED);
    let rest = (more > 0).then(|| format!("… and {more} more"));
    let cut =
        |key: &String| if key.chars().count() > LONGEST_KEY { key.chars().take(LONGEST_KEY).chain(['…']).collect() } else { key.clone() };
    keys.iter().take(MOST_NAMED).map(cut).chain(rest).collect()
}

/// Writes, tells, and takes back what could not be done.
async fn carry_out(node: &Arc<Shared>, turn: &mut Turn, id: u64, plan: Plan) {
    let (state, has_trial) = {
        let core = node.core.lock().await;
        (core.state().clone(), core.standing().open.is_some())
    };
    watch(node, turn, id, &plan).await;
    // From here on the node is on its way there: whatever fails is undone from there.
    turn.applied = state;
    let done = do_plan(node, plan).await;
    let remote = remote::follow(node).await.err().map(|e| ampoule_report::chain(&e));
    let failure = done.failure().or_else(|| remote.clone());
    let Done { mut files, mut services } = done;
    files.truncate(MOST_NAMED);
    services.truncate(MOST_NAMED);
    node.applies
        .update(id, &node.events, |r| (r.files, r.services, r.remote_error, r.state) = (files, services, remote, ApplyState::Settling));
    match failure {
        Some(what) if has_trial => trial::take_back(node, turn, Reason::NotApplied { what }).await,
        // What is confirmed already is not taken back: there is nothing better to go to.
        Some(what) => {
            node.applies
                .update(id, &node.events, |r| (r.state, r.reason) = (ApplyState::InEffect, Some(Reason::NotApplied { what }.to_string())));
        }
        None => {
            mark_applied(node).await;
            // Until services are ready this bounds how long they may take; it begins anew when they are.
            if !turn.watched.services.is_empty() {
                node.core.lock().await.in_effect();
            }
        }
    }
    if !has_trial {
        turn.watched = Watched::default();
        node.applies.update(id, &node.events, |r| {
            if r.state == ApplyState::Settling {
                r.state = ApplyState::Confirmed;
            }
        });
    }
}

async fn watch(node: &Shared, turn: &mut Turn, id: u64, plan: &Plan) {
    let services: Vec<&str> = plan.services.iter().map(|s| s.reader.service).collect();
    let before = if services.is_empty() { Vec::new() } else { trial::services(node).await.unwrap_or_default() };
    turn.watched.services.add(services.into_iter(), &before);
    turn.watched.applies.push(id);
    (turn.watched.is_applied, turn.watched.is_settled) = (true, false);
}

/// Off the thread that serves requests: `init` and disks may take their time.
pub(crate) async fn do_plan(node: &Shared, plan: Plan) -> Done {
    let options = node.options.clone();
    tokio::task::spawn_blocking(move || apply::carry_out(&options, &plan)).await.unwrap_or_default()
}

/// Leaves in this boot's folder which generation files and services were given, for a restart of this program.
pub(crate) async fn mark_applied(node: &Shared) {
    let number = node.core.lock().await.generation();
    crate::mark::write(&node.options, number);
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_a_report_names_is_bounded() {
        let keys: Vec<String> = (0..5000).map(|n| format!("settings.{n}.{}", "ä".repeat(5000))).collect();
        let shown = super::shortened(&keys);
        assert_eq!((shown.len(), shown.last().map(String::as_str)), (101, Some("… and 4900 more")));
        assert!(shown.iter().all(|key| key.chars().count() <= super::LONGEST_KEY + 1));
        assert_eq!(super::shortened(&["settings.motd".to_owned()]), ["settings.motd"]);
    }
}
