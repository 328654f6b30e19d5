//! Every operation on files that the store does, one by one, so that a test can stop after each.

use rustix::fs::{Mode, OFlags};
use std::fmt::Debug;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A folder of files. What `write`, `rename` and `remove` do survives a power cut only after the `sync` that follows.
pub(crate) trait Disk: Debug + Send {
    /// Names and sizes in bytes.
    fn list(&self) -> io::Result<Vec<(String, u64)>>;
    /// Content; of a file longer than `most` bytes only one more than that.
    fn read(&self, name: &str, most: u64) -> io::Result<Vec<u8>>;
    /// Makes the file, or empties it, and writes.
    fn write(&mut self, name: &str, bytes: &[u8]) -> io::Result<()>;
    /// Makes a file's content durable.
    fn sync(&mut self, name: &str) -> io::Result<()>;
    /// Renames, over what is there.
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    fn remove(&mut self, name: &str) -> io::Result<()>;
    /// Makes names durable.
    fn sync_folder(&mut self) -> io::Result<()>;
}

/// A folder of the file system.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Opens it; makes it (mode 0700) if it is absent.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        Ok(Self(path.to_owned()))
    }
}

impl Disk for Folder {
    fn list(&self) -> io::Result<Vec<(String, u64)>> {
        let entry = |e: fs::DirEntry| Some((e.file_name().into_string().ok()?, e.metadata().ok()?.len()));
        Ok(fs::read_dir(&self.0)?.flatten().filter_map(entry).collect())
    }

    fn read(&self, name: &str, most: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        fs::File::open(self.0.join(name))?.take(most + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn write(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(self.0.join(name));
        file?.write_all(bytes)
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        // fsync(2) is about the file, not about the descriptor that wrote it.
        fs::File::open(self.0.join(name))?.sync_all()
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.0.join(from), self.0.join(to))
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        fs::remove_file(self.0.join(name))
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        let open = rustix::fs::open(&self.0, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(rustix::fs::fsync(open)?)
    }
}
