//! The boot partition: what is on it, and the steps of `lib/update` carried out.

use crate::error::UpdateError;
use crate::kernel_image::KernelImage;
use crate::places::Places;
use crate::repository::Target;
use crate::staged::measure;
use ampoule_disk::Folder;
use ampoule_layout::RootHash;
use ampoule_update::loader::{COPIES, ENTRIES, Esp, IMAGES, Image, Source, Step, bless, parse_image_name};
use semver::Version;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;

/// Folder of the boot loader.
const LOADERS: &str = "EFI/BOOT";
/// Units that folders may take to hold new names.
const FOLDERS: u64 = 4;

/// The open boot partition.
pub(crate) struct BootPartition {
    folder: Folder,
    places: Places,
}

/// An image that can be started.
#[derive(Clone, Debug)]
pub(crate) struct Bootable {
    pub(crate) image: Image,
    pub(crate) root_hash: RootHash,
    pub(crate) blocks: u64,
}

impl BootPartition {
    /// Opens it. For writing only while something is written: nothing else has it open then in the other mode.
    pub(crate) fn open(places: &Places, writable: bool) -> Result<Self, UpdateError> {
        let folder = places.boot_partition(writable).map_err(UpdateError::Boot)?;
        Ok(Self { folder: folder.ok_or(UpdateError::NoBootPartition)?, places: places.clone() })
    }

    /// The names on it.
    pub(crate) fn names(&self) -> Result<Esp, UpdateError> {
        let names = |folder| self.folder.names(folder).map_err(UpdateError::Boot);
        Ok(Esp { images: names(IMAGES)?, entries: names(ENTRIES)?, copies: names(COPIES)? })
    }

    /// What a kernel image on it says of itself.
    pub(crate) fn bootable(&self, name: &str) -> Result<Bootable, UpdateError> {
        let version = parse_image_name(name).map(|(version, _)| version);
        let version = version.ok_or_else(|| UpdateError::NotFound(format!("{name} is no kernel image of ours")))?;
        self.image(name)?.bootable(name, version)
    }

    /// A version's kernel image.
    pub(crate) fn image_of(&self, version: &Version) -> Result<KernelImage, UpdateError> {
        let names = self.names()?.images;
        let name = names.iter().find(|name| parse_image_name(name).is_some_and(|(other, _)| other == *version));
        let name = name.ok_or_else(|| UpdateError::NotFound(format!("there is no kernel image of version {version}")))?;
        self.image(name)
    }

    /// Whether a version's kernel image is there and is the one that was proven.
    pub(crate) fn holds(&self, version: &Version, proof: &Target) -> Result<bool, UpdateError> {
        let names = self.names()?.images;
        let mut ours = names.iter().filter(|name| parse_image_name(name).is_some_and(|(other, _)| other == *version));
        let Some(name) = ours.next() else { return Ok(false) };
        let file = self.folder.read(&format!("{IMAGES}/{name}")).map_err(UpdateError::Boot)?;
        measure(file).map(|found| found == *proof).map_err(UpdateError::Boot)
    }

    fn image(&self, name: &str) -> Result<KernelImage, UpdateError> {
        let file = self.folder.read(&format!("{IMAGES}/{name}")).map_err(UpdateError::Boot)?;
        KernelImage::open(name, file)
    }

    /// The image of another version than the one that runs, whatever its counter.
    pub(crate) fn other(&self, running: &Version) -> Result<Option<Bootable>, UpdateError> {
        let names = self.names()?.images;
        let other = names.iter().find(|name| parse_image_name(name).is_some_and(|(version, _)| version != *running));
        other.map(|name| self.bootable(name)).transpose()
    }

    /// Refuses steps for which there is no room, before the first of them; if `then` is to boot, also those that follow when its boot was good.
    pub(crate) fn check_room(&self, steps: &[Step], then: Option<&Version>, length_of: impl Fn(Source) -> u64) -> Result<(), UpdateError> {
        let mut space = self.folder.space().map_err(UpdateError::Boot)?;
        space.free = self.places.free(space.free);
        let mut files = BTreeMap::new();
        for folder in [IMAGES, ENTRIES, COPIES, LOADERS] {
            let lengths = self.folder.lengths(folder).map_err(UpdateError::Boot)?;
            files.extend(lengths.into_iter().map(|(name, length)| (format!("{folder}/{name}"), length)));
        }
        let taken = |files: &BTreeMap<String, u64>| space.taken_by(&files.values().copied().collect::<Vec<_>>(), FOLDERS);
        let before = space.taken_by(&files.values().copied().collect::<Vec<_>>(), 0);
        let mut most = before;
        let mut steps = steps.to_vec();
        for then in [then, None] {
            for step in &steps {
                follow(&mut files, step, &length_of);
                most = most.max(taken(&files));
            }
            steps = then.and_then(|version| bless(&names_of(&files), version, false).ok()).unwrap_or_default();
        }
        match most - before {
            needed if needed > space.free => Err(UpdateError::NoRoom { needed: needed - space.free, free: space.free }),
            _ => Ok(()),
        }
    }

    /// Carries out the steps in their order.
    pub(crate) fn carry_out(&self, steps: &[Step], open: impl Fn(Source) -> io::Result<File>) -> Result<(), UpdateError> {
        steps.iter().try_for_each(|step| self.step(step, &open)).map_err(UpdateError::Boot)
    }

    fn step(&self, step: &Step, open: impl Fn(Source) -> io::Result<File>) -> io::Result<()> {
        match step {
            Step::Folder(path) => self.folder.make(path),
            Step::Write { source, to } => {
                let mut from = open(*source)?;
                self.folder.create(to, |file| io::copy(&mut from, file).map(drop))
            }
            Step::Copy { from, to } => {
                let mut from = self.folder.read(from)?;
                self.folder.create(to, |file| io::copy(&mut from, file).map(drop))
            }
            Step::Rename { from, to } => self.folder.rename(from, to),
            Step::Remove(path) => self.folder.remove(path),
            Step::Sync => self.folder.sync(),
        }
    }

    /// Whether a file of the loader is there and is the one that was proven.
    pub(crate) fn loader_is(&self, path: &str, proof: &Target) -> bool {
        self.folder.read(path).and_then(measure).is_ok_and(|found| found == *proof)
    }
}

fn names_of(files: &BTreeMap<String, u64>) -> Esp {
    let below = |folder: &str| files.keys().filter_map(|path| Some(path.strip_prefix(folder)?.strip_prefix('/')?.to_owned())).collect();
    Esp { images: below(IMAGES), entries: below(ENTRIES), copies: below(COPIES) }
}

fn follow(files: &mut BTreeMap<String, u64>, step: &Step, length_of: impl Fn(Source) -> u64) {
    match step {
        Step::Folder(_) | Step::Sync => {}
        Step::Write { source, to } => drop(files.insert(to.clone(), length_of(*source))),
        Step::Copy { from, to } => {
            let length = files.get(from).copied().unwrap_or_default();
            files.insert(to.clone(), length);
        }
        Step::Rename { from, to } => {
            let length = files.remove(from).unwrap_or_default();
            files.insert(to.clone(), length);
        }
        Step::Remove(path) => drop(files.remove(path)),
    }
}
