//! Blocks on their way into the idle slot: from the running one, by ranges from a server, or the whole file.
//!
//! Every block is hashed and compared with the verified tree before it is written, and the whole slot once more in the end.

use crate::disk::{Disk, DiskError, Extent, Slots};
use crate::fetcher::{FetchError, Fetcher};
use crate::progress::Progress;
use ampoule_fetchwire::{Kind, Range as Bytes};
use ampoule_layout::BLOCK_SIZE;
use ampoule_update::delta::{self, Action, Bitmap, Index, Limits, Range, Run};
use ampoule_update::tree::{BLOCK, Tree};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Ranges on their way at once: enough to hide the way to the server and back, few enough for it and for our memory.
const AT_ONCE: usize = 4;
/// How often a range is asked for, and the wait after the first time; it doubles.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_secs(1);
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
        let ranges = delta::plan(self.tree, &Index::default(), &self.done(), Limits::default()).ranges;
        match self.by_ranges(ranges, source) {
            Err(TransferError::Fetch(error)) if error.is(Kind::NoRanges) => {
                log::warn!("{error}; the whole root is fetched instead");
                self.whole(source)
            }
            Err(error @ TransferError::Wrong { .. }) => {
                log::error!("{error} The whole root is fetched instead");
                self.whole(source)
            }
            other => other,
        }
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

    fn by_ranges(&self, ranges: Vec<Range>, source: &Source) -> Result<(), TransferError> {
        let waiting = Mutex::new(ranges.into_iter());
        let failed: Mutex<Option<TransferError>> = Mutex::new(None);
        std::thread::scope(|scope| {
            for _ in 0..AT_ONCE {
                scope.spawn(|| {
                    while lock(&failed).is_none() {
                        let Some(range) = lock(&waiting).next() else { return };
                        if let Err(error) = self.range_with_patience(range, source) {
                            lock(&failed).get_or_insert(error);
                        }
                    }
                });
            }
        });
        failed.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
    }

    /// What a broken connection brought is not asked for again.
    fn range_with_patience(&self, range: Range, source: &Source) -> Result<(), TransferError> {
        let mut pause = PAUSE;
        for tries in 1.. {
            let Some(rest) = self.rest(range) else { break };
            match self.range(rest, source) {
                Err(TransferError::Fetch(error)) if error.passes() && tries < TRIES => {
                    log::info!("{error}; tried again in {} s", pause.as_secs());
                    std::thread::sleep(pause);
                    pause *= 2;
                }
                other => return other,
            }
        }
        Ok(())
    }

    /// The range from its first to its last missing block.
    fn rest(&self, range: Range) -> Option<Range> {
        let done = self.done();
        let mut missing = (range.start..range.start + range.blocks).filter(|block| !done.contains(u64::from(*block)));
        let first = missing.next()?;
        let last = missing.next_back().unwrap_or(first);
        Some(Range { start: first, blocks: last - first + 1 })
    }

    fn range(&self, range: Range, source: &Source) -> Result<(), TransferError> {
        let (offset, length) = range.bytes();
        let mut answer = source.fetcher.open(&source.url, Some(Bytes { offset, length }), length)?;
        let mut bytes = [0; BLOCK];
        for block in u64::from(range.start)..u64::from(range.start + range.blocks) {
            self.go_on()?;
            answer.fill(&mut bytes)?;
            self.progress.add_fetched(BLOCK_SIZE);
            self.take(block, &bytes, source)?;
        }
        Ok(())
    }

    fn whole(&self, source: &Source) -> Result<(), TransferError> {
        let blocks = self.tree.data_blocks();
        let mut answer = source.fetcher.open(&source.url, None, blocks * BLOCK_SIZE)?;
        let mut bytes = [0; BLOCK];
        for block in 0..blocks {
            self.go_on()?;
            answer.fill(&mut bytes)?;
            self.progress.add_fetched(BLOCK_SIZE);
            self.take(block, &bytes, source)?;
        }
        Ok(())
    }

    fn take(&self, block: u64, bytes: &[u8], source: &Source) -> Result<(), TransferError> {
        if self.done().contains(block) {
            return Ok(());
        }
        match self.tree.matches(block, bytes) {
            true => self.put(block, bytes),
            false => Err(TransferError::Wrong { url: source.url.clone(), block }),
        }
    }

    fn put(&self, block: u64, bytes: &[u8]) -> Result<(), TransferError> {
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

    fn go_on(&self) -> Result<(), TransferError> {
        if self.stop.load(Ordering::Relaxed) { Err(TransferError::Stopped) } else { Ok(()) }
    }

    fn done(&self) -> MutexGuard<'_, Bitmap> {
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
