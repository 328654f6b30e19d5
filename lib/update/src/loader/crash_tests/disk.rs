//! A disk in memory, a journal of what is written to it, and what power cuts leave of that.

use std::collections::BTreeMap;

use proptest::prelude::RngExt;
use proptest::test_runner::TestRng;
use semver::Version;

use super::super::{COPIES, ENTRIES, Entry, Esp, IMAGES, Source, Step};

/// Blocks of a slot, the hash tree among them.
const BLOCKS: usize = 6;
/// More combinations than this are drawn at random.
const EXHAUSTIVE: usize = 300;

/// Content of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum File {
    /// Whole: the kernel image of a version, an entry, a loader.
    Whole(String),
    /// Cut off or garbled.
    Torn,
}

/// A slot: whose GUIDs its partitions have, and whose each block is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Slot {
    owner: String,
    blocks: [String; BLOCKS],
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Disk {
    pub(super) files: BTreeMap<String, File>,
    slots: [Slot; 2],
}

/// The smallest thing that reaches the disk or does not. That of the partition table is proven to be one in `ampoule-layout`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    Put { path: String, content: File, may_tear: bool },
    Remove(String),
    Owner(usize, String),
    Block(usize, usize, String),
}

impl Disk {
    /// A disk with one version in a slot; the counter of its image, and of its entry with parameters if it has one.
    pub(super) fn with(slot: usize, version: &Version, counter: &str, parameters: Option<&str>) -> Self {
        let mut disk = Self::default();
        disk.add(slot, version, counter, parameters);
        disk
    }

    pub(super) fn add(&mut self, slot: usize, version: &Version, counter: &str, parameters: Option<&str>) {
        let whole = File::Whole(version.to_string());
        self.files.insert(format!("{IMAGES}/ampoule_{version}{counter}.efi"), whole.clone());
        if let Some(counter) = parameters {
            self.files.insert(format!("{ENTRIES}/ampoule_{version}.parameters{counter}.conf"), File::Whole("entry".to_owned()));
            self.files.insert(format!("{COPIES}/{version}.efi"), whole);
        }
        self.slots[slot] = Slot { owner: version.to_string(), blocks: std::array::from_fn(|_| version.to_string()) };
    }

    pub(super) fn esp(&self) -> Esp {
        let names = |folder: &str| {
            let below = format!("{folder}/");
            self.files.keys().filter_map(|path| path.strip_prefix(&below)).map(str::to_owned).collect()
        };
        Esp { images: names(IMAGES), entries: names(ENTRIES), copies: names(COPIES) }
    }

    /// The slot that a kernel of this version finds: the first whose partitions carry its root hash.
    pub(super) fn slot_of(&self, version: &Version) -> Option<usize> {
        self.slots.iter().position(|slot| slot.owner == version.to_string())
    }

    /// Whether what the loader starts there comes up: file, kernel and root of one version.
    pub(super) fn is_whole(&self, entry: &Entry) -> bool {
        let kernel = if entry.parameters { format!("{COPIES}/{}.efi", entry.version) } else { entry.path.clone() };
        let tag = entry.version.to_string();
        let files = [&kernel, &entry.path].into_iter().all(|path| matches!(self.files.get(path), Some(File::Whole(_))));
        let same = self.files.get(&kernel) == Some(&File::Whole(tag.clone()));
        let slot = self.slot_of(&entry.version).is_some_and(|slot| self.slots[slot].blocks.iter().all(|block| *block == tag));
        files && same && slot
    }

    fn apply(&mut self, change: &Change) {
        match change.clone() {
            Change::Put { path, content, .. } => drop(self.files.insert(path, content)),
            Change::Remove(path) => drop(self.files.remove(&path)),
            Change::Owner(slot, owner) => self.slots[slot].owner = owner,
            Change::Block(slot, block, owner) => self.slots[slot].blocks[block] = owner,
        }
    }
}

/// Changes in their order; `None` is a flush.
#[derive(Debug)]
pub(super) struct Journal {
    start: Disk,
    now: Disk,
    events: Vec<Option<Change>>,
}

impl Journal {
    pub(super) fn new(disk: &Disk) -> Self {
        Self { start: disk.clone(), now: disk.clone(), events: Vec::new() }
    }

    /// The disk as the running system sees it.
    pub(super) fn now(&self) -> &Disk {
        &self.now
    }

    /// Names the partitions of a slot anew, then fills it.
    pub(super) fn fill_slot(&mut self, slot: usize, version: &Version) {
        self.change(Change::Owner(slot, version.to_string()));
        self.events.push(None);
        (0..BLOCKS).for_each(|block| self.change(Change::Block(slot, block, version.to_string())));
        self.events.push(None);
    }

    pub(super) fn steps(&mut self, steps: &[Step], next: Option<&Version>) {
        for step in steps {
            match step {
                Step::Folder(_) => {}
                Step::Sync => self.events.push(None),
                Step::Remove(path) => self.change(Change::Remove(path.clone())),
                Step::Write { source: Source::Loader, to } => self.put(to, File::Whole("loader".to_owned()), true),
                Step::Write { source: Source::Image, to } => self.put(to, File::Whole(next.expect("an update").to_string()), true),
                Step::Copy { from, to } => self.put(to, self.now.files[from].clone(), true),
                Step::Rename { from, to } => {
                    self.put(to, self.now.files[from].clone(), self.is_unflushed(from));
                    self.change(Change::Remove(from.clone()));
                }
            }
        }
    }

    fn put(&mut self, path: &str, content: File, may_tear: bool) {
        self.change(Change::Put { path: path.to_owned(), content, may_tear });
    }

    fn change(&mut self, change: Change) {
        self.now.apply(&change);
        self.events.push(Some(change));
    }

    /// Whether the content of a file was not flushed yet.
    fn is_unflushed(&self, name: &str) -> bool {
        let pending = self.events.iter().rev().take_while(|event| event.is_some());
        pending.flatten().any(|change| matches!(change, Change::Put { path, may_tear: true, .. } if path == name))
    }
}

/// What can be on the disk when power fails, at any moment of the journal; each state once.
pub(super) fn crash_states(journal: &Journal, rng: &mut TestRng) -> Vec<Disk> {
    let mut states = vec![journal.start.clone()];
    let mut flushed = journal.start.clone();
    let mut pending: Vec<Change> = Vec::new();
    for event in journal.events.iter().chain([&None]) {
        match event {
            Some(change) => pending.push(change.clone()),
            None => {
                states.extend(parts_of(&flushed, &pending, rng));
                pending.drain(..).for_each(|change| flushed.apply(&change));
            }
        }
    }
    states.dedup();
    states
}

/// The flushed disk with any part of the changes that were not flushed: all of them if they are few, else some. Changes to different
/// places may come in any order; to one place they keep theirs. So a part says it all.
fn parts_of(flushed: &Disk, pending: &[Change], rng: &mut TestRng) -> Vec<Disk> {
    let outcomes = |change: &Change| if matches!(change, Change::Put { may_tear: true, .. }) { 3 } else { 2 };
    let count = pending.iter().map(outcomes).product::<usize>();
    let choices: Vec<usize> =
        if count <= EXHAUSTIVE { (0..count).collect() } else { (0..EXHAUSTIVE).map(|_| rng.random_range(0..count)).collect() };
    choices.into_iter().map(|choice| part(flushed, pending, choice)).collect()
}

/// One part; the digits of `choice` say of each change whether it is lost, there or torn.
fn part(flushed: &Disk, pending: &[Change], mut choice: usize) -> Disk {
    let mut disk = flushed.clone();
    for change in pending {
        let outcomes = if matches!(change, Change::Put { may_tear: true, .. }) { 3 } else { 2 };
        match (choice % outcomes, change) {
            (0, _) => {}
            (2, Change::Put { path, .. }) => drop(disk.files.insert(path.clone(), File::Torn)),
            _ => disk.apply(change),
        }
        choice /= outcomes;
    }
    disk
}
