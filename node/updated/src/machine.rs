//! What the updater works on: the node's disk and boot partition. A test has another one.

use std::fmt::Debug;
use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::num::NonZeroU64;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ampoule_disk::{Disks, boot};
use rustix::fs::{Advice, fadvise};

/// The names of the partitions that a root may lie on (`lib/layout`).
const ROOTS: [&str; 2] = ["ROOT-A", "ROOT-B"];

/// What the updater works on.
pub trait Machine: Send + Sync {
    /// Where its files are.
    fn root(&self) -> &Path;

    /// The disk that the root lies on, to write as well if `writable`; `None`: it is not known.
    ///
    /// # Errors
    /// It cannot be opened; with the name of what was opened.
    fn disk(&self, writable: bool) -> Result<Option<OpenDisk>, (PathBuf, io::Error)>;

    /// The root folder of that disk's boot partition; `None`: it has none.
    ///
    /// # Errors
    /// The kernel's reason.
    fn boot_partition(&self, writable: bool) -> io::Result<Option<OwnedFd>>;

    /// Bytes that are free on the boot partition, of which the kernel says that `measured` are.
    fn free(&self, measured: u64) -> u64 {
        measured
    }

    /// How it takes its time.
    fn pace(&self) -> Pace {
        Pace::default()
    }
}

/// How the updater takes its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Longest wait before updates are first looked for by themselves: long enough that nodes that start together do not ask together.
    pub first_look: Duration,
    /// Seconds that all of a boot's health must hold: a service that starts, fails and starts again is not ready.
    pub settle: u64,
    /// Between two looks at the node while its boot is on trial.
    pub look: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { first_look: Duration::from_secs(60), settle: 10, look: Duration::from_secs(2) }
    }
}

/// An open disk.
#[derive(Debug)]
pub struct OpenDisk {
    /// What is read and written.
    pub blocks: Box<dyn Blocks>,
    /// What it is called in messages.
    pub path: PathBuf,
    /// Bytes in a sector.
    pub sector: u64,
}

/// What is read and written. Offsets and lengths are in bytes.
pub trait Blocks: Debug + Send + Sync {
    /// Fills the piece.
    ///
    /// # Errors
    /// The kernel's reason; or it ends before.
    fn read_at(&self, piece: &mut [u8], at: u64) -> io::Result<()>;

    /// Writes the piece.
    ///
    /// # Errors
    /// The kernel's reason.
    fn write_at(&self, piece: &[u8], at: u64) -> io::Result<()>;

    /// Waits until all that was written is durable.
    ///
    /// # Errors
    /// The kernel's reason, also for what was written before.
    fn sync(&self) -> io::Result<()>;

    /// Drops what the kernel keeps of it in memory, so that the next read asks the disk.
    ///
    /// # Errors
    /// The kernel's reason.
    fn forget(&self, at: u64, length: u64) -> io::Result<()>;

    /// How long it is.
    ///
    /// # Errors
    /// The kernel's reason.
    fn size(&self) -> io::Result<u64>;
}

impl Blocks for File {
    fn read_at(&self, piece: &mut [u8], at: u64) -> io::Result<()> {
        self.read_exact_at(piece, at)
    }

    fn write_at(&self, piece: &[u8], at: u64) -> io::Result<()> {
        self.write_all_at(piece, at)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_all()
    }

    fn forget(&self, at: u64, length: u64) -> io::Result<()> {
        Ok(fadvise(self, at, NonZeroU64::new(length), Advice::DontNeed)?)
    }

    fn size(&self) -> io::Result<u64> {
        let mut file = self;
        file.seek(SeekFrom::End(0))
    }
}

/// The node that the program runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThisNode;

impl Machine for ThisNode {
    fn root(&self) -> &Path {
        Path::new("/")
    }

    fn disk(&self, writable: bool) -> Result<Option<OpenDisk>, (PathBuf, io::Error)> {
        let Some(partition) = ROOTS.into_iter().find_map(|name| Disks::of_this_node().of_root(name)) else { return Ok(None) };
        let file = OpenOptions::new().read(true).write(writable).open(&partition.disk);
        let file = file.map_err(|error| (partition.disk.clone(), error))?;
        Ok(Some(OpenDisk { blocks: Box::new(file), path: partition.disk, sector: partition.sector }))
    }

    fn boot_partition(&self, writable: bool) -> io::Result<Option<OwnedFd>> {
        let Some(partition) = Disks::of_this_node().of_root(boot::NAME) else { return Ok(None) };
        boot::open(&partition.device, writable).map(Some)
    }
}
