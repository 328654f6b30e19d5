//! Reports of applies, by number: what each did and what became of it.

use crate::events::Events;
use ampoule_api_types::v1::{ApplyReport, ApplyState, EventKind};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Reports kept: what a person asks about happened lately, and everything is in the log.
const KEEP: usize = 64;

/// The last reports.
#[derive(Debug)]
pub(crate) struct Applies {
    ring: Mutex<VecDeque<ApplyReport>>,
    changed: watch::Sender<u64>,
}

impl Default for Applies {
    fn default() -> Self {
        Self { ring: Mutex::default(), changed: watch::Sender::new(0) }
    }
}

impl Applies {
    /// Keeps a report under the next number, which is returned.
    pub(crate) fn begin(&self, report: ApplyReport, events: &Events) -> u64 {
        let mut ring = self.ring();
        let id = ring.back().map_or(1, |r| r.id + 1);
        events.tell(EventKind::Apply { apply: id, generation: report.generation, state: report.state });
        ring.push_back(ApplyReport { id, ..report });
        if ring.len() > KEEP {
            ring.pop_front();
        }
        id
    }

    /// Changes a report; a new state is told.
    pub(crate) fn update(&self, id: u64, events: &Events, change: impl FnOnce(&mut ApplyReport)) {
        if let Some(report) = self.ring().iter_mut().find(|r| r.id == id) {
            let before = report.state;
            change(report);
            if report.state != before {
                events.tell(EventKind::Apply { apply: id, generation: report.generation, state: report.state });
            }
        }
        self.changed.send_modify(|n| *n += 1);
    }

    /// A report.
    pub(crate) fn get(&self, id: u64) -> Option<ApplyReport> {
        self.ring().iter().find(|r| r.id == id).cloned()
    }

    /// Waits until it is in effect or out of it again; `None` if the report was dropped meanwhile.
    pub(crate) async fn settled(&self, id: u64) -> Option<ApplyReport> {
        let mut changed = self.changed.subscribe();
        loop {
            let report = self.get(id)?;
            if !matches!(report.state, ApplyState::Applying | ApplyState::Settling) {
                return Some(report);
            }
            changed.changed().await.ok()?;
        }
    }

    fn ring(&self) -> MutexGuard<'_, VecDeque<ApplyReport>> {
        // Nothing in here panics half-way.
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
