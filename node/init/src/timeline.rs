//! When what happened: the boot report's source.

use ampoule_supervise::message::{Name, Phase, TimelineEntry};
use std::collections::VecDeque;

/// The boot is kept for good; of what came later, the newest.
const KEEP_FIRST: usize = 256;
const KEEP: usize = 2048;

/// Moments in the order they happened.
#[derive(Default)]
pub(crate) struct Timeline(VecDeque<TimelineEntry>);

impl Timeline {
    /// Records what `init` itself came to.
    pub(crate) fn phase(&mut self, phase: Phase) {
        self.record("init", phase);
    }

    /// Records what a service came to, now.
    pub(crate) fn record(&mut self, name: &str, phase: Phase) {
        let Some(name) = Name::new(name) else { return };
        if self.0.len() >= KEEP {
            self.0.remove(KEEP_FIRST);
        }
        self.0.push_back(TimelineEntry { ms: now(), name, phase });
    }

    /// The entry at this place.
    pub(crate) fn get(&self, index: u16) -> Option<&TimelineEntry> {
        self.0.get(usize::from(index))
    }
}

/// Milliseconds since the kernel started.
pub(crate) fn now() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    time.tv_sec.cast_unsigned() * 1_000 + time.tv_nsec.cast_unsigned() / 1_000_000
}
