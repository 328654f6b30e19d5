//! Where the log lies.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use crate::store::Place;

const DISK: &str = "/var/log/ampoule";
const MEMORY: &str = "/run/ampoule/logd/log";
/// On a disk: days of a quiet node, and no more than a small disk can spare.
const DISK_TOTAL: u64 = 64 * 1024 * 1024;
/// In memory: the node has better uses for it.
const MEMORY_TOTAL: u64 = 4 * 1024 * 1024;
/// Magic number of a memory file system (statfs(2)).
const TMPFS: i64 = 0x0102_1994;

/// The disk if it can be written, else memory.
pub(crate) fn choose() -> Place {
    match writable(Path::new(DISK)) {
        Ok(()) => place(DISK),
        Err(error) => {
            log::error!("{DISK} cannot be written ({error}); the log is in memory and lost at power-off");
            // If this fails too, each write fails and says so; those who follow still get everything.
            let _ = writable(Path::new(MEMORY));
            place(MEMORY)
        }
    }
}

/// The log in `folder`, as large as suits what the folder lies on.
fn place(folder: &str) -> Place {
    let in_memory = rustix::fs::statfs(folder).is_ok_and(|facts| facts.f_type == TMPFS);
    sized(PathBuf::from(folder), if in_memory { MEMORY_TOTAL } else { DISK_TOTAL })
}

/// A source that floods keeps at least the last sixteenth of what it could.
pub(crate) fn sized(folder: PathBuf, total: u64) -> Place {
    Place { folder, total, segment: total / 64 }
}

fn writable(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let probe = folder.join(".probe");
    fs::write(&probe, b"x")?;
    fs::remove_file(&probe)
}
