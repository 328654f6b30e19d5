//! Waiting with a limit, and saying what was waited for.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

/// How often a condition is looked at again. Emulated nodes answer in tens of milliseconds.
const POLL: Duration = Duration::from_millis(200);

/// Tries until it works; the last failure is the reason given.
pub(crate) fn eventually<T>(what: &str, limit: Duration, mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    loop {
        match attempt() {
            Ok(value) => return Ok(value),
            Err(error) if start.elapsed() > limit => {
                bail!("not within {} s: {what}: {error:#}", limit.as_secs())
            }
            Err(_) => thread::sleep(POLL),
        }
    }
}

/// Seconds, for short sentences.
pub(crate) const fn within(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
