//! Where things are. A test has a folder that looks like `/`, with a file in place of the disk and a folder in place of the boot partition.

use crate::disk::{Disk, DiskError};
use ampoule_disk::{Disks, Folder, boot};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Bytes in a sector of a test's disk.
const TEST_SECTOR: u64 = 512;

/// Where things are.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    root: PathBuf,
    test: bool,
}

impl Places {
    /// The node's own places, or those below a folder of a test.
    pub(crate) fn new(root: Option<PathBuf>) -> Self {
        Self { test: root.is_some(), root: root.unwrap_or_else(|| "/".into()) }
    }

    pub(crate) fn below(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
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
        if self.test {
            return Disk::open(&self.below("/disk.img"), TEST_SECTOR, writable);
        }
        let partition = ["ROOT-A", "ROOT-B"].into_iter().find_map(|name| Disks::of_this_node().of_root(name)).ok_or(DiskError::Unknown)?;
        Disk::open(&partition.disk, partition.sector, writable)
    }

    /// The boot partition of that disk; `None`: it has none.
    pub(crate) fn boot_partition(&self, writable: bool) -> io::Result<Option<Folder>> {
        let opened = if self.test {
            let folder = self.below("/esp");
            if !folder.exists() {
                return Ok(None);
            }
            OwnedFd::from(File::open(folder)?)
        } else {
            let Some(partition) = Disks::of_this_node().of_root(boot::NAME) else { return Ok(None) };
            boot::open(&partition.device, writable)?
        };
        Ok(Some(Folder::new(opened)))
    }

    /// Bytes that a test says are free on its boot partition.
    pub(crate) fn room_of_test(&self) -> Option<u64> {
        let text = self.test.then(|| std::fs::read_to_string(self.below("/esp-free")).ok())??;
        text.trim().parse().ok()
    }

    /// Longest wait before updates are first looked for by themselves: long enough that nodes that start together do not ask together.
    pub(crate) fn first_look(&self) -> Duration {
        Duration::from_secs(if self.test { 1 } else { 60 })
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
