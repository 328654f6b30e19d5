//! The generation on trial: watched until it is confirmed or taken back.

use crate::engine::{Turn, Watched, do_plan, mark_applied};
use crate::{Shared, node as other, remote};
use ampoule_api_types::v1::{ApplyState, EventKind};
use ampoule_confirm::{Health, Reason, Verdict};
use ampoule_initctl::{InitClient, ServiceStatus};
use ampoule_plan::Plan;
use ampoule_report::chain;
use ampoule_store::{ConfirmError, RollBackError};
use std::sync::Arc;
use std::time::Duration;

/// Between two looks while something is on trial. A service that dies and is back between two looks is still seen: `init` counts.
const PAUSE: Duration = Duration::from_millis(250);
/// The same once a window has run for a while: a person is waited for, which may take hours.
const LONG_PAUSE: Duration = Duration::from_secs(1);
/// What "a while" is.
const FRESH_MS: u64 = 30_000;
/// Between two tries to write what could not be written.
const WRITE_PAUSE: Duration = Duration::from_secs(5);

/// Looks after the trial for as long as the program runs; sleeps while there is none.
pub(crate) async fn supervise(node: Arc<Shared>) {
    loop {
        let pause = {
            let mut turn = node.turn.lock().await;
            tick(&node, &mut turn).await;
            pause(&node, &turn).await
        };
        match pause {
            Some(pause) => drop(tokio::time::timeout(pause, node.wake.notified()).await),
            None => node.wake.notified().await,
        }
    }
}

async fn pause(node: &Shared, turn: &Turn) -> Option<Duration> {
    let core = node.core.lock().await;
    if core.owes_roll_back() || turn.watched.is_stuck {
        return Some(WRITE_PAUSE);
    }
    let open = core.standing().open.filter(|_| turn.watched.is_applied)?;
    let is_fresh = open.trial.window_ms - open.left_ms(core.clock.now().boot_ms) < FRESH_MS;
    Some(if is_fresh { PAUSE } else { LONG_PAUSE })
}

/// Does what is due for the generation on trial.
pub(crate) async fn tick(node: &Arc<Shared>, turn: &mut Turn) {
    if node.core.lock().await.owes_roll_back() {
        return retry(node).await;
    }
    let is_open = node.core.lock().await.standing().open.is_some();
    if turn.watched.is_stuck && !is_open {
        // The write went through to where it can be read and not to where it would last: once more.
        return good(node, turn).await;
    }
    if !is_open || !turn.watched.is_applied {
        return;
    }
    let health = health(node, turn).await;
    if health == Health::Ready && !turn.watched.is_settled {
        settled(node, turn).await;
    }
    let verdict = {
        let core = node.core.lock().await;
        core.standing().tick(core.clock.now().boot_ms, &health, node.options.settle_ms)
    };
    match verdict {
        Verdict::Wait => {}
        Verdict::Confirm => good(node, turn).await,
        Verdict::RollBack(reason) => take_back(node, turn, reason).await,
    }
}

async fn health(node: &Shared, turn: &mut Turn) -> Health {
    if turn.watched.services.is_empty() {
        return Health::Ready;
    }
    match services(node).await {
        Some(now) => {
            show(node, turn, &now);
            turn.watched.services.judge(&now)
        }
        None => turn.watched.services.unknown(),
    }
}

/// The states of services in the reports that are not final yet.
fn show(node: &Shared, turn: &Turn, now: &[ServiceStatus]) {
    if turn.watched.is_settled {
        return;
    }
    for id in &turn.watched.applies {
        node.applies.update(*id, &node.events, |report| {
            for step in &mut report.services {
                step.state = now.iter().find(|s| s.name.as_str() == step.service).map(|s| other::state(s.phase));
            }
        });
    }
}

/// Every service as it stands; `None` if `init` does not answer.
pub(crate) async fn services(node: &Shared) -> Option<Vec<ServiceStatus>> {
    let path = node.options.init.clone();
    let asked = tokio::task::spawn_blocking(move || InitClient::connect_at(&path).and_then(|init| init.services())).await;
    asked.ok()?.inspect_err(|e| log::warn!("Services cannot be looked at: {}", chain(e))).ok()
}

/// All that it touches is ready: the window begins.
async fn settled(node: &Shared, turn: &mut Turn) {
    turn.watched.is_settled = true;
    node.core.lock().await.in_effect();
    for id in &turn.watched.applies {
        node.applies.update(*id, &node.events, |r| r.state = ApplyState::InEffect);
    }
}

async fn good(node: &Shared, turn: &mut Turn) {
    let number = node.core.lock().await.generation();
    if let Err(error) = confirm(node, turn, number, "node").await {
        // Tried again: the window is over, but what is healthy is not taken back for want of a place to write.
        turn.watched.is_stuck = true;
        log::error!("{}; it is tried again", chain(&error));
    }
}

/// A generation is good, as `by` says.
///
/// # Errors
/// It is not the one on trial, or that could not be written down.
pub(crate) async fn confirm(node: &Shared, turn: &mut Turn, number: u64, by: &str) -> Result<(), ConfirmError> {
    let was_open = {
        let mut core = node.core.lock().await;
        let was_open = core.standing().open.is_some();
        core.confirm(number)?;
        was_open
    };
    let watched = std::mem::take(&mut turn.watched);
    for id in watched.applies {
        node.applies.update(id, &node.events, |r| r.state = ApplyState::Confirmed);
    }
    if was_open {
        log::info!("Generation {number} is confirmed by {by}");
        node.events.tell(EventKind::Confirmed { generation: number, by: by.to_owned() });
    }
    Ok(())
}

/// The last confirmed settings return, on disk, in files and in services.
pub(crate) async fn take_back(node: &Arc<Shared>, turn: &mut Turn, reason: Reason) {
    let (of, by, plan, state) = {
        let mut core = node.core.lock().await;
        let Some(of) = core.standing().open.map(|o| o.generation) else { return };
        let by = stored(core.roll_back(reason.clone()));
        let plan = Plan::between(&core.image, Some(&turn.applied), core.state());
        (of, by.unwrap_or_else(|| core.generation()), plan, core.state().clone())
    };
    log::error!("Generation {of} is taken back: {reason}");
    turn.applied = state;
    do_plan(node, plan).await;
    if let Err(error) = remote::follow(node).await {
        log::error!("{}", chain(&error));
    }
    mark_applied(node).await;
    let Watched { applies, .. } = std::mem::take(&mut turn.watched);
    for id in applies {
        node.applies.update(id, &node.events, |r| {
            (r.state, r.reason, r.rolled_back_by) = (ApplyState::RolledBack, Some(reason.to_string()), Some(by))
        });
    }
    node.events.tell(EventKind::RolledBack { of, generation: by, reason: reason.to_string() });
}

fn stored(done: Result<u64, RollBackError>) -> Option<u64> {
    done.inspect_err(|e| log::error!("{}; it is tried again", chain(e))).ok()
}

/// What was taken back is in force; only its generation is missing on disk.
async fn retry(node: &Shared) {
    let mut core = node.core.lock().await;
    if let Some(number) = core.pay_roll_back() {
        log::info!("Generation {number} now holds the settings that returned");
    }
}
