//! When the hardware watchdog is fed: a device that resets the machine unless PID 1 speaks to it in time (Linux, `Documentation/watchdog/watchdog-api.rst`).

use crate::machine::Millis;

/// How long PID 1 may be silent, in seconds. It answers within milliseconds; a machine whose memory or disk is overwhelmed for some seconds is not one that hangs.
pub const TIMEOUT: u32 = 30;

/// The same once no service is left: unmounting and writing back to a slow disk takes its time, and a reset in the midst of it would do harm.
pub const STOPPING_TIMEOUT: u32 = 180;

/// The limit of a device that does not tell its own, in seconds: shorter than those of the drivers that there are.
pub const UNTOLD_TIMEOUT: u32 = 10;

/// How long a device is looked for: its driver may be a module, which is loaded when its hardware is found.
const LOOK_FOR: Millis = 60_000;
const LOOK_EVERY: Millis = 2_000;

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// See whether there is a device by now.
    Look,
    /// Speak to it.
    Feed,
}

/// Whether there is a device, and when it is spoken to next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watchdog(State);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Looking { until: Millis, next: Millis },
    Feeding { every: Millis, next: Millis },
    Absent,
}

impl Watchdog {
    /// Looks at once.
    #[must_use]
    pub fn new(now: Millis) -> Self {
        Self(State::Looking { until: now.saturating_add(LOOK_FOR), next: now })
    }

    /// What is due at `now`.
    #[must_use]
    pub fn due(&self, now: Millis) -> Option<Step> {
        match self.0 {
            State::Looking { next, .. } if next <= now => Some(Step::Look),
            State::Feeding { next, .. } if next <= now => Some(Step::Feed),
            _ => None,
        }
    }

    /// When something is due next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Millis> {
        match self.0 {
            State::Looking { next, .. } | State::Feeding { next, .. } => Some(next),
            State::Absent => None,
        }
    }

    /// There is a device; it runs from `now` on and resets the machine after `timeout` seconds of silence. Also when that changes.
    pub fn runs(&mut self, now: Millis, timeout: u32) {
        // Three times before it is too late: one may be late by a wait that nobody foresaw.
        let every = (Millis::from(timeout) * 1000 / 3).max(100);
        self.0 = State::Feeding { every, next: now.saturating_add(every) };
    }

    /// There is none yet. After a minute none is looked for any more.
    pub fn is_missing(&mut self, now: Millis) {
        if let State::Looking { until, .. } = self.0 {
            self.0 = if now < until { State::Looking { until, next: now + LOOK_EVERY } } else { State::Absent };
        }
    }

    /// It was spoken to.
    pub fn fed(&mut self, now: Millis) {
        if let State::Feeding { every, .. } = self.0 {
            self.0 = State::Feeding { every, next: now.saturating_add(every) };
        }
    }

    /// It is stopped, or cannot be spoken to any more.
    pub fn ends(&mut self) {
        self.0 = State::Absent;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_looked_for_during_a_minute() {
        let mut watchdog = Watchdog::new(500);
        let mut looks = Vec::new();
        while let Some(now) = watchdog.next_deadline() {
            assert_eq!((watchdog.due(now - 1), watchdog.due(now)), (None, Some(Step::Look)));
            looks.push(now);
            watchdog.is_missing(now);
        }
        assert_eq!((looks[0], looks[1], looks.len()), (500, 2_500, 31));
        assert_eq!(watchdog.due(u64::MAX), None);
    }

    /// One that is late by as much as it waits between two meals is in time all the same.
    #[test]
    fn it_is_fed_so_early_that_a_late_one_is_in_time() {
        for timeout in [1, 2, 10, TIMEOUT, STOPPING_TIMEOUT, u32::MAX] {
            let mut watchdog = Watchdog::new(0);
            watchdog.runs(0, timeout);
            let mut last = 0;
            for _ in 0..10 {
                let due = watchdog.next_deadline().expect("it is fed for ever");
                assert_eq!((watchdog.due(due - 1), watchdog.due(due)), (None, Some(Step::Feed)));
                let late = due + (due - last);
                assert!(late - last < u64::from(timeout) * 1000, "{timeout}");
                watchdog.fed(due);
                last = due;
            }
        }
    }

    #[test]
    fn a_new_limit_counts_at_once_and_an_end_is_one() {
        let mut watchdog = Watchdog::new(0);
        watchdog.runs(0, TIMEOUT);
        watchdog.runs(5_000, STOPPING_TIMEOUT);
        assert_eq!(watchdog.next_deadline(), Some(65_000));
        watchdog.is_missing(6_000);
        assert_eq!(watchdog.next_deadline(), Some(65_000), "a device that is there is not missing");
        watchdog.ends();
        watchdog.fed(7_000);
        assert_eq!((watchdog.next_deadline(), watchdog.due(u64::MAX)), (None, None));
    }
}
