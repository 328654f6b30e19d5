//! Where things are on the machine.

use crate::disk::{Disk, DiskError};
use crate::machine::{Machine, Pace};
use ampoule_disk::Folder;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where things are.
#[derive(Clone)]
pub(crate) struct Places(Arc<dyn Machine>);

impl Places {
    pub(crate) fn new(machine: Arc<dyn Machine>) -> Self {
        Self(machine)
    }

    pub(crate) fn below(&self, path: &str) -> PathBuf {
        self.0.root().join(path.trim_start_matches('/'))
    }

    /// What is kept over reboots and says what is what.
    pub(crate) fn record(&self) -> PathBuf {
        self.below("/state/updated/record.json")
    }

    /// What can be fetched again.
    pub(crate) fn cache(&self) -> PathBuf {
        self.below("/var/lib/ampoule/updated")
    }

    pub(crate) fn trust(&self) -> PathBuf {
        self.below("/usr/share/updog/root.json")
    }

    /// The disk that the root lies on.
    pub(crate) fn disk(&self, writable: bool) -> Result<Disk, DiskError> {
        let open = self.0.disk(writable).map_err(|(path, source)| DiskError::Io { what: "open", path, source })?;
        open.map(Disk::new).ok_or(DiskError::Unknown)
    }

    /// The boot partition of that disk; `None`: it has none.
    pub(crate) fn boot_partition(&self, writable: bool) -> io::Result<Option<Folder>> {
        Ok(self.0.boot_partition(writable)?.map(Folder::new))
    }

    /// Bytes that are free on it, of which its file system says that `measured` are.
    pub(crate) fn free(&self, measured: u64) -> u64 {
        self.0.free(measured)
    }

    pub(crate) fn pace(&self) -> Pace {
        self.0.pace()
    }

    /// Whether firmware and boot loader started the node, rather than a machine that brought the kernel along.
    pub(crate) fn has_firmware(&self) -> bool {
        self.below("/sys/firmware/efi").exists()
    }
}

/// Writes a small file whole, in a folder that is made if need be: after a power cut there is the old one or the new one.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
    ampoule_files::replace_durably(path, bytes, 0o644)
}
