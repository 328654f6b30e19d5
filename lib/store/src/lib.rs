//! Numbered generations on disk, safe against power cuts.
//!
//! A file is written beside its place, synced, renamed into it, and the folder synced: after a power cut it is there whole or not at all. Each file carries the digest
//! of its content, so that a damaged one is seen and the newest whole one is used. Each change has exactly one write that makes it so: for a new generation the rename
//! of its own file, for a confirmation that of `standing`.

mod change;
mod disk;
mod error;
mod generation;
mod prune;
mod read;
mod seal;
mod start;

use ampoule_confirm::Standing;
use disk::{Disk, Folder};
pub use error::{ConfirmError, RollBackError, StoreError};
pub use generation::{Draft, Form, Generated, Generation, Now, Origin, Strength, Summary};
pub use prune::{KEEP, KEEP_BYTES};
pub use start::Start;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Largest file read or written, in bytes: far above any real settings, far below what would hurt memory.
pub const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// Name of the file that says what is confirmed and what is on trial.
pub(crate) const STANDING: &str = "standing";

/// The generations of one folder. One process at a time may write.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    disk: Box<dyn Disk>,
    newest: Option<Generation>,
    highest: u64,
    damaged: Vec<PathBuf>,
    standing: Standing,
    /// In force in place of the newest, which was taken back and is still on disk because that could not be written.
    instead: Option<Generation>,
    start: Start,
    /// By number; `None`: damaged.
    summaries: BTreeMap<u64, Option<Summary>>,
}

impl Store {
    /// Opens the store in `folder`, which is made if it is absent (mode 0700), and decides what is in force: a trial goes on, begins anew in another boot, or ends.
    ///
    /// # Errors
    /// The folder cannot be made or listed. Damaged files are no error: see [`Store::damaged`] and [`Store::start`].
    pub fn open(folder: &Path, now: &Now) -> Result<Self, StoreError> {
        let disk = Folder::open(folder).map_err(at("make", folder))?;
        Self::open_on(folder, Box::new(disk), now)
    }

    pub(crate) fn open_on(folder: &Path, disk: Box<dyn Disk>, now: &Now) -> Result<Self, StoreError> {
        let mut store = Self {
            folder: folder.to_owned(),
            disk,
            newest: None,
            highest: 0,
            damaged: Vec::new(),
            standing: Standing::default(),
            instead: None,
            start: Start::default(),
            summaries: BTreeMap::new(),
        };
        store.remove_leftovers()?;
        store.find_newest()?;
        store.begin(now);
        Ok(store)
    }

    /// The newest whole generation; `None` before the first.
    #[must_use]
    pub fn newest(&self) -> Option<&Generation> {
        self.newest.as_ref()
    }

    /// The generation that the node goes by: the newest, but for a return to the last confirmed that could not be stored.
    #[must_use]
    pub fn in_force(&self) -> Option<&Generation> {
        self.instead.as_ref().or(self.newest.as_ref())
    }

    /// Whether a return to the last confirmed generation is in force and not stored: [`Store::roll_back`] is worth another try.
    #[must_use]
    pub fn owes_roll_back(&self) -> bool {
        self.instead.is_some()
    }

    /// What is confirmed and what is on trial.
    #[must_use]
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// What was found when the store was opened.
    #[must_use]
    pub fn start(&self) -> &Start {
        &self.start
    }

    /// Files newer than [`Store::newest`] whose content is not what was written, and a damaged `standing`. Generations are left for a person to look at.
    #[must_use]
    pub fn damaged(&self) -> &[PathBuf] {
        &self.damaged
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// Name of a generation's file.
pub(crate) fn name_of(number: u64) -> String {
    format!("{number:08}.json")
}

/// Number of a generation's file.
pub(crate) fn number_of(name: &str) -> Option<u64> {
    name.strip_suffix(".json")?.parse().ok()
}

pub(crate) fn at<'a>(action: &'static str, path: &'a Path) -> impl Fn(io::Error) -> StoreError + 'a {
    move |source| StoreError::Io { action, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests;
