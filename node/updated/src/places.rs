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

/// Writes a small file whole: after a power cut there is the old one or the new one.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    std::fs::create_dir_all(folder)?;
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let mut file = File::create(&draft)?;
    io::Write::write_all(&mut file, bytes)?;
    file.sync_all()?;
    std::fs::rename(&draft, path)?;
    File::open(folder)?.sync_all()
}

/// Reads a file of at most `most` bytes; `None` if there is none.
pub(crate) fn read_bounded(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut io::Read::take(file, most + 1), &mut bytes)?;
    if bytes.len() as u64 > most { Err(io::Error::other("it is too long")) } else { Ok(Some(bytes)) }
}

/// Removes a file, or finds it gone.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
