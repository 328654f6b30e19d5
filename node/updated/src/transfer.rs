//! Blocks on their way into the idle slot: from the running one, or from a server (`fetching`).
//!
//! Every block is hashed and compared with the verified tree before it is written, and the whole slot once more in the end.

use crate::disk::{Disk, DiskError, Extent, Slots};
use crate::fetcher::{FetchError, Fetcher};
use crate::progress::Progress;
use ampoule_layout::BLOCK_SIZE;
use ampoule_update::delta::{self, Action, Bitmap, Index, Limits, Run};
use ampoule_update::tree::{BLOCK, Tree};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Blocks after which what is done is made durable and noted: 2 MiB may be done twice after a power cut.
const NOTE_AFTER: u64 = 512;

/// Why a slot did not become whole.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TransferError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("the server sent wrong bytes for block {block} of {url}; they were not written: is this mirror up to date, or does it lie?")]
    Wrong { url: String, block: u64 },
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error("{count} blocks of the slot do not read back as they were written, the first is {first}: the disk is failing")]
    ReadBack { count: u64, first: u64 },
    #[error("what is done could not be noted")]
    Note(#[source] io::Error),
    #[error("it was stopped")]
    Stopped,
}

/// Where the root comes from.
pub(crate) struct Source {
    pub(crate) fetcher: Fetcher,
    pub(crate) url: String,
}

/// One slot on its way.
pub(crate) struct Transfer<'a> {
    pub(crate) disk: &'a Disk,
    pub(crate) slots: Slots,
    pub(crate) tree: &'a Tree,
    pub(crate) progress: &'a Progress,
    pub(crate) stop: &'a AtomicBool,
    /// Keeps the bitmap.
    pub(crate) note: &'a (dyn Fn(&Bitmap) -> io::Result<()> + Sync),
    pub(crate) done: Mutex<Bitmap>,
    pub(crate) noting: Mutex<()>,
    pub(crate) since_note: AtomicU64,
}

impl Transfer<'_> {
    /// Brings every block to its place.
    pub(crate) fn run(&self, running: Index, source: &Source) -> Result<(), TransferError> {
        let brought = self.bring(running, source);
        // What came before something went wrong need not come again.
        let noted = self.note();
        brought.and(noted)?;
        self.read_back()
    }

    fn bring(&self, running: Index, source: &Source) -> Result<(), TransferError> {
        self.recheck()?;
        self.copy_what_runs(&running)?;
        // What the running root had is copied or turned out to be wrong: the rest is fetched.
        drop(running);
        self.fetch(source)
    }

    /// What an earlier run said to be done is looked at again: hashing is cheap, and its disk may have been put into another machine.
    fn recheck(&self) -> Result<(), TransferError> {
        let claimed: Vec<u64> = (0..self.tree.data_blocks()).filter(|block| self.done().contains(*block)).collect();
        for block in claimed {
            self.go_on()?;
            // One that cannot be read is written anew: a disk gives a bad place another one when it is written.
            if !self.is_there(block).unwrap_or(false) {
                self.done().remove(block);
            }
        }
        self.progress.set_done(self.done().count() * BLOCK_SIZE);
        Ok(())
    }

    fn is_there(&self, block: u64) -> Result<bool, TransferError> {
        let mut bytes = [0; BLOCK];
        self.disk.read(&self.slots.idle.root, block * BLOCK_SIZE, &mut bytes)?;
        Ok(self.tree.matches(block, &bytes))
    }

    fn copy_what_runs(&self, running: &Index) -> Result<(), TransferError> {
        let plan = delta::plan(self.tree, running, &self.done(), Limits::default());
        plan.runs.iter().try_for_each(|run| self.copy(run))
    }

    fn copy(&self, run: &Run) -> Result<(), TransferError> {
        let mut bytes = [0; BLOCK];
        for i in 0..run.blocks {
            match run.action {
                Action::Copy { from } => {
                    let at = (u64::from(from) + u64::from(i)) * BLOCK_SIZE;
                    if let Err(error) = self.disk.read(&self.slots.running.root, at, &mut bytes) {
                        log::warn!("a block of the running root is fetched instead: {}", ampoule_report::chain(&error));
                        continue;
                    }
                }
                Action::Zero => {}
                Action::Keep | Action::Fetch => return Ok(()),
            }
            let block = u64::from(run.start) + u64::from(i);
            // A hint that was wrong is fetched later.
            if self.tree.matches(block, &bytes) {
                self.put(block, &bytes)?;
            }
        }
        Ok(())
    }

    pub(crate) fn put(&self, block: u64, bytes: &[u8]) -> Result<(), TransferError> {
        self.go_on()?;
        self.disk.write(&self.slots.idle.root, block * BLOCK_SIZE, bytes)?;
        self.done().insert(block);
        self.progress.add_done(BLOCK_SIZE);
        if self.since_note.fetch_add(1, Ordering::Relaxed) + 1 >= NOTE_AFTER { self.note() } else { Ok(()) }
    }

    /// First the blocks, then the word that they are there.
    fn note(&self) -> Result<(), TransferError> {
        let _alone = lock(&self.noting);
        self.since_note.store(0, Ordering::Relaxed);
        let done = self.done().clone();
        self.disk.sync()?;
        (self.note)(&done).map_err(TransferError::Note)
    }

    /// Asks the disk itself for all of it.
    fn read_back(&self) -> Result<(), TransferError> {
        self.disk.forget(&self.slots.idle.root)?;
        let (mut count, mut first) = (0, 0);
        for block in 0..self.tree.data_blocks() {
            self.go_on()?;
            if !self.is_there(block)? {
                first = if count == 0 { block } else { first };
                count += 1;
                self.done().remove(block);
            }
        }
        if count == 0 {
            return Ok(());
        }
        self.note()?;
        Err(TransferError::ReadBack { count, first })
    }

    pub(crate) fn go_on(&self) -> Result<(), TransferError> {
        if self.stop.load(Ordering::Relaxed) { Err(TransferError::Stopped) } else { Ok(()) }
    }

    pub(crate) fn done(&self) -> MutexGuard<'_, Bitmap> {
        lock(&self.done)
    }
}

/// Reads a partition from its start on.
pub(crate) fn read_start(disk: &Disk, extent: &Extent, length: u64) -> Result<Vec<u8>, DiskError> {
    extent.holds("the tree", length)?;
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
    disk.read(extent, 0, &mut bytes)?;
    Ok(bytes)
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
