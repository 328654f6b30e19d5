//! The clock of leases: it runs on while the machine sleeps, and over restarts of this daemon.

use rustix::time::{ClockId, clock_gettime};

/// Milliseconds since the machine started.
pub(crate) fn now() -> u64 {
    let time = clock_gettime(ClockId::Boottime);
    let (seconds, nanoseconds) = (u64::try_from(time.tv_sec).unwrap_or(0), u64::try_from(time.tv_nsec).unwrap_or(0));
    seconds * 1_000 + nanoseconds / 1_000_000
}
