//! The two clocks of a record.

use std::time::{SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

/// One moment on both clocks, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Unix time.
    pub(crate) time_ms: u64,
    /// Since the kernel started.
    pub(crate) monotonic_ms: u64,
}

impl Moment {
    /// Now.
    pub(crate) fn now() -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let since_start = clock_gettime(ClockId::Monotonic);
        let seconds = u64::try_from(since_start.tv_sec).unwrap_or(0);
        let millis = u64::try_from(since_start.tv_nsec).unwrap_or(0) / 1_000_000;
        Self { time_ms: u64::try_from(unix.as_millis()).unwrap_or(u64::MAX), monotonic_ms: seconds * 1000 + millis }
    }

    /// The moment `monotonic_ms`, told at this moment.
    pub(crate) fn at(self, monotonic_ms: u64) -> Self {
        let ago = self.monotonic_ms.saturating_sub(monotonic_ms);
        Self { time_ms: self.time_ms.saturating_sub(ago), monotonic_ms }
    }
}
