//! A disk in memory that remembers every operation, can refuse any, and can be rebuilt as a power cut may leave it.

use crate::disk::Disk;
use std::collections::BTreeMap;
use std::io::{Error, ErrorKind, Result};
use std::sync::{Arc, Mutex};

/// What was done, in order. Files are known by an index, as by an inode: a name can move from one to another.
#[derive(Debug, Clone)]
enum Op {
    Create { name: String, file: usize },
    Content { file: usize, bytes: Vec<u8> },
    Sync { file: usize },
    Rename { from: String, to: String },
    Remove { name: String },
    SyncFolder,
}

#[derive(Debug, Default)]
struct Inner {
    ops: Vec<Op>,
    names: BTreeMap<String, usize>,
    files: Vec<Vec<u8>>,
    /// Operations left until one is refused, and with what.
    refuse: Option<(usize, ErrorKind)>,
    /// Bytes there is space for.
    capacity: Option<usize>,
}

/// A handle; clones are the same disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory(Arc<Mutex<Inner>>);

/// Numbers that look random and are the same each time (xorshift64).
#[derive(Debug, Clone)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap_or(0) % sides.max(1)
    }
}

impl Memory {
    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().expect("not poisoned")
    }

    /// How many operations were done so far.
    pub(crate) fn operations(&self) -> usize {
        self.inner().ops.len()
    }

    /// Refuses the operation that comes after `after` others, once.
    pub(crate) fn refuse(&self, after: usize, kind: ErrorKind) {
        self.inner().refuse = Some((after, kind));
    }

    /// Whether a refusal is still to come; ends it.
    pub(crate) fn stop_refusing(&self) -> bool {
        self.inner().refuse.take().is_some()
    }

    /// Leaves space for this many more bytes; `None`: no end of it.
    pub(crate) fn leave_space(&self, bytes: Option<usize>) {
        let mut inner = self.inner();
        let used = inner.used();
        inner.capacity = bytes.map(|bytes| used + bytes);
    }

    /// What is there now, by name.
    pub(crate) fn content(&self) -> BTreeMap<String, Vec<u8>> {
        let inner = self.inner();
        inner.names.iter().map(|(name, file)| (name.clone(), inner.files[*file].clone())).collect()
    }

    /// The disk after a power cut when `done` operations were done. What was synced is there; of the rest the dice decide: each change of a name happened or not, each
    /// content is the old one, the new one, a part of it, or its length in zeros.
    pub(crate) fn after_power_cut(&self, done: usize, dice: &mut Dice) -> Self {
        let ops = self.inner().ops[..done].to_vec();
        let names = surviving_names(&ops, dice);
        let files: Vec<Vec<u8>> = (0..self.inner().files.len()).map(|file| surviving_content(&ops, file, dice)).collect();
        let mut inner = Inner::default();
        for (name, file) in names {
            // Written anew, so that a second power cut finds it durable.
            let index = inner.files.len();
            inner.files.push(files[file].clone());
            inner.ops.extend([Op::Create { name: name.clone(), file: index }, Op::Content { file: index, bytes: files[file].clone() }]);
            inner.ops.push(Op::Sync { file: index });
            inner.names.insert(name, index);
        }
        inner.ops.push(Op::SyncFolder);
        Self(Arc::new(Mutex::new(inner)))
    }
}

fn surviving_names(ops: &[Op], dice: &mut Dice) -> BTreeMap<String, usize> {
    let synced = ops.iter().rposition(|op| matches!(op, Op::SyncFolder)).unwrap_or(0);
    let mut names = BTreeMap::new();
    for (index, op) in ops.iter().enumerate() {
        if index >= synced && dice.below(2) == 0 {
            continue;
        }
        match op {
            Op::Create { name, file } => {
                names.insert(name.clone(), *file);
            }
            Op::Remove { name } => {
                names.remove(name);
            }
            Op::Rename { from, to } => {
                // The name it had may not have survived; the file is known all the same.
                let file = names.remove(from).or_else(|| file_named(&ops[..index], from));
                names.extend(file.map(|file| (to.clone(), file)));
            }
            Op::Content { .. } | Op::Sync { .. } | Op::SyncFolder => {}
        }
    }
    names
}

fn file_named(ops: &[Op], wanted: &str) -> Option<usize> {
    ops.iter().rev().find_map(|op| match op {
        Op::Create { name, file } if name == wanted => Some(*file),
        _ => None,
    })
}

fn surviving_content(ops: &[Op], wanted: usize, dice: &mut Dice) -> Vec<u8> {
    let (mut durable, mut latest) = (Vec::new(), Vec::new());
    for op in ops {
        match op {
            Op::Content { file, bytes } if *file == wanted => latest.clone_from(bytes),
            Op::Sync { file } if *file == wanted => durable.clone_from(&latest),
            _ => {}
        }
    }
    if durable == latest {
        return durable;
    }
    match dice.below(4) {
        0 => durable,
        1 => latest,
        2 => latest[..dice.below(latest.len())].to_vec(),
        _ => vec![0; latest.len()],
    }
}

impl Inner {
    fn used(&self) -> usize {
        self.names.values().map(|file| self.files[*file].len()).sum()
    }

    fn allow(&mut self) -> Result<()> {
        match &mut self.refuse {
            Some((0, kind)) => {
                let kind = *kind;
                self.refuse = None;
                Err(Error::from(kind))
            }
            Some((left, _)) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn file(&self, name: &str) -> Result<usize> {
        self.names.get(name).copied().ok_or_else(|| Error::from(ErrorKind::NotFound))
    }
}

impl Disk for Memory {
    fn list(&self) -> Result<Vec<(String, u64)>> {
        let inner = self.inner();
        Ok(inner.names.iter().map(|(name, file)| (name.clone(), inner.files[*file].len() as u64)).collect())
    }

    fn read(&self, name: &str, most: u64) -> Result<Vec<u8>> {
        let inner = self.inner();
        let bytes = &inner.files[inner.file(name)?];
        Ok(bytes[..bytes.len().min(usize::try_from(most).unwrap_or(0) + 1)].to_vec())
    }

    fn write(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let mut inner = self.inner();
        inner.allow()?;
        let file = inner.file(name).unwrap_or(inner.files.len());
        if file == inner.files.len() {
            inner.files.push(Vec::new());
            inner.names.insert(name.to_owned(), file);
            inner.ops.push(Op::Create { name: name.to_owned(), file });
        }
        let space = inner.capacity.map_or(usize::MAX, |all| all.saturating_sub(inner.used()));
        let written = &bytes[..bytes.len().min(space)];
        inner.files[file] = written.to_vec();
        inner.ops.push(Op::Content { file, bytes: written.to_vec() });
        if written.len() < bytes.len() { Err(Error::from(ErrorKind::StorageFull)) } else { Ok(()) }
    }

    fn sync(&mut self, name: &str) -> Result<()> {
        let mut inner = self.inner();
        inner.allow()?;
        let file = inner.file(name)?;
        inner.ops.push(Op::Sync { file });
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<()> {
        let mut inner = self.inner();
        inner.allow()?;
        let file = inner.file(from)?;
        inner.names.remove(from);
        inner.names.insert(to.to_owned(), file);
        inner.ops.push(Op::Rename { from: from.to_owned(), to: to.to_owned() });
        Ok(())
    }

    fn remove(&mut self, name: &str) -> Result<()> {
        let mut inner = self.inner();
        inner.allow()?;
        inner.file(name)?;
        inner.names.remove(name);
        inner.ops.push(Op::Remove { name: name.to_owned() });
        Ok(())
    }

    fn sync_folder(&mut self) -> Result<()> {
        let mut inner = self.inner();
        inner.allow()?;
        inner.ops.push(Op::SyncFolder);
        Ok(())
    }
}
