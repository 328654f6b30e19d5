//! What a slot lacks, from a server: by ranges, several at once; if one of them went wrong, one after the other; and if the server is no good at ranges, the whole file. One that has too much to do
//! is left alone after a few tries: a whole fleet that asks it for whole roots would be worse than one that asks for ranges.
//!
//! What was verified is in the bitmap and is not written again, whichever way it comes next.

use crate::fetcher::FetchError;
use crate::patience::Fetched;
use crate::transfer::{Source, Transfer, TransferError, lock};
use ampoule_fetchwire::{Kind, Range as Bytes};
use ampoule_layout::BLOCK_SIZE;
use ampoule_update::delta::{self, Index, Limits, Range};
use ampoule_update::tree::BLOCK;
use std::sync::{Mutex, PoisonError};

/// Ranges on their way at once: enough to hide the way to the server and back, few enough for it and for our memory.
const AT_ONCE: usize = 4;

impl Transfer<'_> {
    /// Fetches all blocks that are not there.
    pub(crate) fn fetch(&self, source: &Source) -> Result<(), TransferError> {
        let fetched = match self.by_ranges(AT_ONCE, source) {
            Err(error) if error.is_of_a_range() && !error.is_no_ranges() => {
                log::warn!("what is missing is fetched one range at a time: {error}");
                self.by_ranges(1, source)
            }
            other => other,
        };
        match fetched {
            Err(error) if error.is_of_a_range() => {
                log::warn!("the whole root is fetched instead: {error}");
                source.fetcher.patiently(&source.url, || false, || self.whole(source))
            }
            other => other,
        }
    }

    fn by_ranges(&self, at_once: usize, source: &Source) -> Result<(), TransferError> {
        let ranges = delta::plan(self.tree, &Index::default(), &self.done(), Limits::default()).ranges;
        let waiting = Mutex::new(ranges.into_iter());
        let failed: Mutex<Option<TransferError>> = Mutex::new(None);
        std::thread::scope(|scope| {
            for _ in 0..at_once {
                scope.spawn(|| {
                    while lock(&failed).is_none() {
                        let Some(range) = lock(&waiting).next() else { return };
                        let (about, in_vain) = (format!("{} {}", source.url, range.start), || lock(&failed).is_some());
                        if let Err(error) = source.fetcher.patiently(&about, in_vain, || self.rest_of(range, source)) {
                            lock(&failed).get_or_insert(error);
                        }
                    }
                });
            }
        });
        failed.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
    }

    /// What a broken connection brought is not asked for again.
    fn rest_of(&self, range: Range, source: &Source) -> Result<(), TransferError> {
        self.missing(range).map_or(Ok(()), |rest| self.range(rest, source))
    }

    /// The range from its first to its last missing block.
    fn missing(&self, range: Range) -> Option<Range> {
        let done = self.done();
        let mut missing = (range.start..range.start + range.blocks).filter(|block| !done.contains(u64::from(*block)));
        let first = missing.next()?;
        let last = missing.next_back().unwrap_or(first);
        Some(Range { start: first, blocks: last - first + 1 })
    }

    fn range(&self, range: Range, source: &Source) -> Result<(), TransferError> {
        let (offset, length) = range.bytes();
        self.take_all(u64::from(range.start)..u64::from(range.start + range.blocks), Some(Bytes { offset, length }), source)
    }

    /// A server without ranges begins at the first byte each time; what is there is only read past.
    fn whole(&self, source: &Source) -> Result<(), TransferError> {
        let blocks = self.tree.data_blocks();
        // It may have broken off behind the last block that was missing.
        if self.done().count() == blocks {
            return Ok(());
        }
        self.take_all(0..blocks, None, source)
    }

    fn take_all(&self, blocks: std::ops::Range<u64>, part: Option<Bytes>, source: &Source) -> Result<(), TransferError> {
        let limit = part.map_or(self.tree.data_blocks() * BLOCK_SIZE, |part| part.length);
        let mut answer = source.fetcher.open(&source.url, part, limit)?;
        let mut bytes = [0; BLOCK];
        for block in blocks {
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
}

impl Fetched for TransferError {
    fn into_fetch(self) -> Result<FetchError, Self> {
        match self {
            Self::Fetch(error) => Ok(error),
            other => Err(other),
        }
    }
}

impl TransferError {
    /// Whether a server that cannot send a range, or sent a wrong one, may yet send the rest.
    fn is_of_a_range(&self) -> bool {
        match self {
            Self::Wrong { .. } => true,
            Self::Fetch(error) => error.leaves_whole(),
            _ => false,
        }
    }

    fn is_no_ranges(&self) -> bool {
        matches!(self, Self::Fetch(error) if error.is(Kind::NoRanges))
    }
}
