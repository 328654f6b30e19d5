//! Numbered generations on disk, safe against power cuts.
//!
//! A generation is written to a temporary file, synced, renamed to its number, and the folder synced: after a power cut it is there whole or not at all. Each file carries
//! the digest of its content, so that a damaged one is seen and the newest whole one is used.

mod file;

pub use file::{Generation, MAX_BYTES};
use rustix::fs::{Mode, OFlags};
use serde_json::Value;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Generations kept. The newest is never dropped, and older ones are what a person can go back to.
pub const KEEP: usize = 50;

/// Why the store could not do its work. What was stored before is untouched.
#[derive(Debug, thiserror::Error)]
#[error("Cannot {action} {path}")]
pub struct StoreError {
    /// What was tried.
    pub action: &'static str,
    /// On which file.
    pub path: PathBuf,
    /// What the kernel said.
    pub source: io::Error,
}

/// What a new generation says, beside its number.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Who makes it.
    pub author: String,
    /// When, in milliseconds since 1970.
    pub time_ms: u64,
    /// What it is made for, in a line.
    pub message: String,
    /// What was chosen.
    pub settings: Value,
}

/// The generations of one folder. One process at a time may write.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    newest: Option<Generation>,
    highest: u64,
    damaged: Vec<PathBuf>,
}

impl Store {
    /// Opens the store in `folder`, which is made if it is absent (mode 0700).
    ///
    /// # Errors
    /// The folder cannot be made or read. A damaged generation is no error: see [`Store::damaged`].
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let make = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
        make.map_err(at("make", folder))?;
        let mut store = Self { folder: folder.to_owned(), newest: None, highest: 0, damaged: Vec::new() };
        let numbers = store.numbers()?;
        store.highest = numbers.last().copied().unwrap_or(0);
        store.find_newest(&numbers)?;
        store.remove_leftovers();
        Ok(store)
    }

    /// The newest whole generation; `None` before the first.
    #[must_use]
    pub fn newest(&self) -> Option<&Generation> {
        self.newest.as_ref()
    }

    /// Files newer than [`Store::newest`] whose content is not what was written. They are left for a person to look at.
    #[must_use]
    pub fn damaged(&self) -> &[PathBuf] {
        &self.damaged
    }

    /// Writes a new generation, made from the newest. When this returns, it survives a power cut.
    ///
    /// # Errors
    /// It could not be written, a full disk for one; then the newest is the one before.
    pub fn commit(&mut self, draft: Draft) -> Result<&Generation, StoreError> {
        let parent = self.newest.as_ref().map_or(0, |g| g.number);
        let Draft { author, time_ms, message, settings } = draft;
        let generation = Generation { number: self.highest + 1, parent, author, time_ms, message, settings };
        self.write(&generation)?;
        self.highest = generation.number;
        self.prune();
        Ok(self.newest.insert(generation))
    }

    /// The generation of this number; `None` if it is absent or damaged.
    ///
    /// # Errors
    /// Its file cannot be read.
    pub fn get(&self, number: u64) -> Result<Option<Generation>, StoreError> {
        let path = self.path(number);
        match read_bounded(&path) {
            Ok(bytes) => Ok(file::decode(&bytes).filter(|g| g.number == number)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(at("read", &path)(error)),
        }
    }

    /// Numbers of all generations on disk, damaged ones too, lowest first.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn numbers(&self) -> Result<Vec<u64>, StoreError> {
        let entries = fs::read_dir(&self.folder).map_err(at("list", &self.folder))?;
        let mut numbers: Vec<u64> = entries.flatten().filter_map(|e| number_of(&e.path())).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn find_newest(&mut self, numbers: &[u64]) -> Result<(), StoreError> {
        for number in numbers.iter().rev() {
            self.newest = self.get(*number)?;
            if self.newest.is_some() {
                break;
            }
            self.damaged.push(self.path(*number));
        }
        Ok(())
    }

    fn write(&self, generation: &Generation) -> Result<(), StoreError> {
        let path = self.path(generation.number);
        let draft = path.with_extension("tmp");
        write_synced(&draft, &file::encode(generation)).map_err(at("write", &draft))?;
        fs::rename(&draft, &path).map_err(at("rename", &path))?;
        sync_folder(&self.folder).map_err(at("sync", &self.folder))
    }

    /// Drops the oldest beyond [`KEEP`]. One that cannot be removed is tried again after the next commit.
    fn prune(&self) {
        let numbers = self.numbers().unwrap_or_default();
        let excess = numbers.len().saturating_sub(KEEP);
        numbers.iter().take(excess).for_each(|n| drop(fs::remove_file(self.path(*n))));
    }

    /// Drafts that a power cut left behind.
    fn remove_leftovers(&self) {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let drafts = entries.map(|e| e.path()).filter(|p| p.extension().is_some_and(|x| x == "tmp"));
        drafts.for_each(|p| drop(fs::remove_file(p)));
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number:08}.json"))
    }
}

fn number_of(path: &Path) -> Option<u64> {
    path.file_name()?.to_str()?.strip_suffix(".json")?.parse().ok()
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    let open = rustix::fs::open(folder, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    rustix::fs::fsync(open)?;
    Ok(())
}

fn at<'a>(action: &'static str, path: &'a Path) -> impl Fn(io::Error) -> StoreError + 'a {
    move |source| StoreError { action, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests;
