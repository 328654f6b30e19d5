//! What happens to the settings, for whoever follows: numbered, the last ones kept, resumable.

use crate::clock::unix_ms;
use ampoule_api_types::v1::{Event, EventKind};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Events kept for those who come back: a change makes about five, and nobody stays away for fifty changes.
const KEEP: usize = 256;

/// The last events.
#[derive(Debug)]
pub(crate) struct Events {
    ring: Mutex<VecDeque<Event>>,
    newest: watch::Sender<u64>,
}

impl Default for Events {
    fn default() -> Self {
        Self { ring: Mutex::default(), newest: watch::Sender::new(0) }
    }
}

impl Events {
    /// Something happened.
    pub(crate) fn tell(&self, what: EventKind) {
        let mut ring = self.ring();
        let id = *self.newest.borrow() + 1;
        ring.push_back(Event { id, time_ms: unix_ms(), what });
        if ring.len() > KEEP {
            ring.pop_front();
        }
        self.newest.send_replace(id);
    }

    /// Follows from after `last` on; `None`: only what comes.
    pub(crate) fn follow(&self, last: Option<u64>) -> Follower {
        let newest = self.newest.subscribe();
        let now = *newest.borrow();
        // A number from before a restart of this program lies ahead of all there are: everything is new to its client.
        let last = last.map_or(now, |last| if last > now { 0 } else { last });
        Follower { newest, last }
    }

    fn after(&self, last: u64) -> Vec<Event> {
        let ring = self.ring();
        let first = ring.front().map_or(last + 1, |e| e.id);
        let missed = first.saturating_sub(last + 1);
        let gap = (missed > 0).then(|| Event { id: first - 1, time_ms: unix_ms(), what: EventKind::Missed { count: missed } });
        gap.into_iter().chain(ring.iter().filter(|e| e.id > last).cloned()).collect()
    }

    fn ring(&self) -> MutexGuard<'_, VecDeque<Event>> {
        // Nothing in here panics half-way.
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who follows.
#[derive(Debug)]
pub(crate) struct Follower {
    newest: watch::Receiver<u64>,
    last: u64,
}

impl Follower {
    /// The events since the last call; waits until there is one.
    pub(crate) async fn next(&mut self, events: &Events) -> Vec<Event> {
        let last = self.last;
        // The sender lives as long as the program.
        let _ = self.newest.wait_for(|newest| *newest > last).await;
        let found = events.after(self.last);
        self.last = found.last().map_or(self.last, |e| e.id);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(events: &[Event]) -> Vec<u64> {
        events.iter().map(|e| e.id).collect()
    }

    #[tokio::test]
    async fn a_follower_gets_each_once_and_learns_what_it_missed() {
        let events = Events::default();
        (0..300).for_each(|generation| events.tell(EventKind::Started { generation }));
        let mut late = events.follow(Some(10));
        let found = late.next(&events).await;
        assert_eq!((found[0].id, &found[0].what, found.len()), (44, &EventKind::Missed { count: 34 }, KEEP + 1));
        let mut new = events.follow(None);
        events.tell(EventKind::Started { generation: 7 });
        assert_eq!(ids(&new.next(&events).await), [301]);
        assert_eq!(ids(&late.next(&events).await), [301]);
        // From before a restart.
        assert_eq!(events.follow(Some(9999)).next(&events).await.len(), KEEP + 1);
    }
}
