//! When a server is asked again that could not answer: a few times, further apart each time, as late as it wants within a bound, and each node of a fleet at a moment of its own.

use std::time::Duration;

use sha2::{Digest, Sha256};

/// How often the same is asked for in all.
pub const TRIES: u32 = 4;
/// Longest wait that a server's wish makes. A person may be waiting for the command, and a server that needs longer is as good as gone for now.
pub const LONGEST: Duration = Duration::from_secs(60);

/// The wait after the first time; it doubles.
const FIRST: Duration = Duration::from_secs(1);
/// Nodes that came together come apart over as much time as the wait has, and over this at most: enough for a server that a fleet of ten thousand asks.
const SPREAD: Duration = Duration::from_secs(30);

/// The tries of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backoff {
    seed: u32,
    about: String,
    failed: u32,
}

impl Backoff {
    /// Of the node with this seed, for what `about` says: requests of one node come apart, too.
    #[must_use]
    pub fn new(seed: u32, about: &str) -> Self {
        Self { seed, about: about.to_owned(), failed: 0 }
    }

    /// Another try failed: how long to wait before the next one, which the server wants after `wished`; `None`: it was the last.
    pub fn wait(&mut self, wished: Option<Duration>) -> Option<Duration> {
        self.failed += 1;
        if self.failed >= TRIES {
            return None;
        }
        let least = (FIRST * 2_u32.pow(self.failed - 1)).max(wished.unwrap_or_default().min(LONGEST));
        Some(least + self.share_of(least.min(SPREAD)))
    }

    /// Tries that failed.
    #[must_use]
    pub fn failed(&self) -> u32 {
        self.failed
    }

    /// The part of this time that this node waits on top: any part, the same part each time it is asked, and another one after each try.
    fn share_of(&self, time: Duration) -> Duration {
        let mut hasher = Sha256::new();
        hasher.update(self.seed.to_le_bytes());
        hasher.update(self.failed.to_le_bytes());
        hasher.update(&self.about);
        let hash = hasher.finalize();
        let drawn = u32::from_le_bytes([hash[0], hash[1], hash[2], hash[3]]);
        let nanos = (time.as_nanos() * u128::from(drawn)) >> u32::BITS;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
#[path = "backoff_tests.rs"]
mod tests;
