//! How far a command is; read while it runs.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Counters and the step that is being done.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    step: Mutex<String>,
    done: AtomicU64,
    total: AtomicU64,
    fetched: AtomicU64,
}

impl Progress {
    pub(crate) fn begin(&self, step: &str) {
        *self.step.lock().unwrap_or_else(PoisonError::into_inner) = step.to_owned();
    }

    pub(crate) fn step(&self) -> String {
        self.step.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_total(&self, bytes: u64) {
        self.total.store(bytes, Ordering::Relaxed);
    }

    pub(crate) fn set_done(&self, bytes: u64) {
        self.done.store(bytes, Ordering::Relaxed);
    }

    pub(crate) fn add_done(&self, bytes: u64) {
        self.done.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn add_fetched(&self, bytes: u64) {
        self.fetched.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes in their place, bytes in all, bytes that came over the network.
    pub(crate) fn bytes(&self) -> (u64, u64, u64) {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (read(&self.done), read(&self.total), read(&self.fetched))
    }
}
