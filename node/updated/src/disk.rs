//! The disk that the root lies on, and its two slots.

use crate::machine::{Blocks, OpenDisk};
use ampoule_layout::RootHash;
use ampoule_layout::gpt::{self, Entry, GptError, HEAD_BYTES};
use std::io;
use std::path::PathBuf;

/// What is wrong with the disk.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DiskError {
    #[error("the disk that the root lies on is not known")]
    Unknown,
    #[error("could not {what} {path}", path = path.display())]
    Io { what: &'static str, path: PathBuf, source: io::Error },
    #[error("the partition table of {path}", path = path.display())]
    Table { path: PathBuf, source: GptError },
    #[error("{path} has no slot with the root that runs", path = .0.display())]
    NotRunning(PathBuf),
    #[error("{path} has no second slot (ROOT and VERITY, A and B)", path = .0.display())]
    NoIdle(PathBuf),
    #[error("{what} has {length} bytes, its partition holds {room}")]
    NoRoom { what: &'static str, length: u64, room: u64 },
}

/// The disk.
#[derive(Debug)]
pub(crate) struct Disk {
    blocks: Box<dyn Blocks>,
    path: PathBuf,
    sector: u64,
}

/// A partition by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) number: u32,
    pub(crate) start: u64,
    pub(crate) length: u64,
}

/// A root and its tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) root: Extent,
    pub(crate) tree: Extent,
}

/// What runs, and what does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slots {
    pub(crate) running: Slot,
    pub(crate) idle: Slot,
    /// Whether the idle slot's partitions have the GUIDs of the image that is asked for.
    pub(crate) idle_is: bool,
}

impl Disk {
    pub(crate) fn new(open: OpenDisk) -> Self {
        let OpenDisk { blocks, path, sector } = open;
        Self { blocks, path, sector }
    }

    /// Its slots, seen from the root that runs; and whether the idle one is named for `wanted`.
    pub(crate) fn slots(&self, running: RootHash, wanted: Option<RootHash>) -> Result<Slots, DiskError> {
        let entries = gpt::entries(&self.head()?, self.sector).map_err(self.table())?;
        let pairs: Vec<_> = ["A", "B"].into_iter().filter_map(|letter| pair(&entries, letter)).collect();
        let is = |pair: &(&Entry, &Entry), hash: RootHash| pair.0.guid == hash.root_partition() && pair.1.guid == hash.verity_partition();
        let at = pairs.iter().position(|pair| is(pair, running)).ok_or_else(|| DiskError::NotRunning(self.path.clone()))?;
        let idle = pairs.iter().enumerate().find(|(i, _)| *i != at).ok_or_else(|| DiskError::NoIdle(self.path.clone()))?.1;
        let slot = |pair: &(&Entry, &Entry)| Slot { root: extent(pair.0), tree: extent(pair.1) };
        Ok(Slots { running: slot(&pairs[at]), idle: slot(idle), idle_is: wanted.is_some_and(|hash| is(idle, hash)) })
    }

    /// Gives a slot's partitions the GUIDs of an image; backup table first, each write durable before the next.
    pub(crate) fn name(&self, slot: &Slot, hash: RootHash) -> Result<(), DiskError> {
        let guids = [(slot.root.number, hash.root_partition()), (slot.tree.number, hash.verity_partition())];
        let writes = gpt::set_guids(&self.head()?, self.sector, self.size()?, &guids).map_err(self.table())?;
        for write in writes {
            self.blocks.write_at(&write.bytes, write.offset).map_err(self.io("write the partition table of"))?;
            self.sync()?;
        }
        Ok(())
    }

    pub(crate) fn read(&self, extent: &Extent, at: u64, bytes: &mut [u8]) -> Result<(), DiskError> {
        extent.check(at, bytes.len())?;
        self.blocks.read_at(bytes, extent.start + at).map_err(self.io("read"))
    }

    pub(crate) fn write(&self, extent: &Extent, at: u64, bytes: &[u8]) -> Result<(), DiskError> {
        extent.check(at, bytes.len())?;
        self.blocks.write_at(bytes, extent.start + at).map_err(self.io("write"))
    }

    /// Waits until all that was written is durable.
    pub(crate) fn sync(&self) -> Result<(), DiskError> {
        self.blocks.sync().map_err(self.io("flush"))
    }

    /// Drops what the kernel keeps of a partition in memory, so that the next read asks the disk.
    pub(crate) fn forget(&self, extent: &Extent) -> Result<(), DiskError> {
        self.blocks.forget(extent.start, extent.length).map_err(self.io("read back"))
    }

    fn head(&self) -> Result<Vec<u8>, DiskError> {
        let mut head = vec![0; HEAD_BYTES.min(usize::try_from(self.size()?).unwrap_or(usize::MAX))];
        self.blocks.read_at(&mut head, 0).map_err(self.io("read the partition table of"))?;
        Ok(head)
    }

    fn size(&self) -> Result<u64, DiskError> {
        self.blocks.size().map_err(self.io("measure"))
    }

    fn io(&self, what: &'static str) -> impl FnOnce(io::Error) -> DiskError + '_ {
        move |source| DiskError::Io { what, path: self.path.clone(), source }
    }

    fn table(&self) -> impl FnOnce(GptError) -> DiskError + '_ {
        |source| DiskError::Table { path: self.path.clone(), source }
    }
}

impl Extent {
    /// Whether so many bytes fit.
    pub(crate) fn holds(&self, what: &'static str, length: u64) -> Result<(), DiskError> {
        if length > self.length { Err(DiskError::NoRoom { what, length, room: self.length }) } else { Ok(()) }
    }

    /// Nothing beyond a partition's end is touched, whatever a caller computes.
    fn check(&self, at: u64, length: usize) -> Result<(), DiskError> {
        self.holds("a block", at.saturating_add(length as u64))
    }
}

fn pair<'e>(entries: &'e [Entry], letter: &str) -> Option<(&'e Entry, &'e Entry)> {
    let named = |kind: &str| {
        let mut all = entries.iter().filter(move |entry| entry.name == format!("{kind}-{letter}"));
        all.next().filter(|_| all.next().is_none())
    };
    Some((named("ROOT")?, named("VERITY")?))
}

fn extent(entry: &Entry) -> Extent {
    Extent { number: entry.number, start: entry.start, length: entry.length }
}
