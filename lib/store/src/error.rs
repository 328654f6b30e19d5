//! Why something was not stored or not found.

use ampoule_confirm::NotOpen;
use std::io;
use std::path::PathBuf;

/// Why the store could not do its work. What was stored before is untouched.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The kernel refused.
    #[error("Cannot {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// More than would be read back.
    #[error("A generation of {bytes} bytes is not written; the most is {most}")]
    TooLarge {
        /// Bytes it has.
        bytes: usize,
        /// Bytes it may have.
        most: u64,
    },
}

impl StoreError {
    /// Whether there is no space left.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
    }
}

/// Why a generation was not confirmed.
#[derive(Debug, thiserror::Error)]
pub enum ConfirmError {
    /// Another one is on trial, or none.
    #[error(transparent)]
    NotOpen(#[from] NotOpen),
    /// It could not be written down.
    #[error("The confirmation could not be stored")]
    Store(#[source] StoreError),
}

/// Why settings were not taken back.
#[derive(Debug, thiserror::Error)]
pub enum RollBackError {
    /// There is nothing to go back from.
    #[error("No generation is on trial; generation {confirmed} is confirmed")]
    NothingOpen {
        /// The last confirmed.
        confirmed: u64,
    },
    /// It could not be written down. [`crate::Store::in_force`] is the last confirmed generation all the same, until another try succeeds or the node starts again and
    /// finds the trial still open.
    #[error("The return to the last confirmed settings could not be stored")]
    Store(#[source] StoreError),
}
