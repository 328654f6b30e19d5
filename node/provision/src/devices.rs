//! Block devices that carry user data: discs in optical drives, and volumes with a label that says so.

use crate::files::{self, LOOK};
use crate::finding::Finding;
use ampoule_provision::volume::{self, FileSystem, HEAD, Volume};
use ampoule_provision::{MAX_USER_DATA, ovf};
use ampoule_report::chain;
use rustix::fs::{Dir, Mode, ResolveFlags};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

/// Most entries of a root folder that are looked at.
const MOST_ENTRIES: usize = 4096;
/// Devices of these kinds are made by the node itself.
const OURS: [&str; 5] = ["loop", "dm-", "ram", "zram", "nbd"];

/// Opens a file system; in tests a folder stands for it.
pub(crate) type Opener<'a> = &'a dyn Fn(&Path, FileSystem) -> io::Result<OwnedFd>;

/// A device with a file system on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    device: PathBuf,
    volume: Volume,
    is_optical: bool,
}

/// The devices that may carry user data, in the order of their names.
pub(crate) fn scan(sys_block: &Path, dev: &Path) -> Vec<Candidate> {
    let mut found = Vec::new();
    for (name, path) in children(sys_block) {
        if OURS.iter().any(|kind| name.starts_with(kind)) {
            continue;
        }
        match candidate(dev, &name) {
            Some(disk) if disk.is_wanted() => found.push(disk),
            // A disk without a file system of its own may have partitions with one. (A hybrid disc image has both, for the same bytes.)
            _ => found.extend(partitions(&path).iter().filter_map(|name| candidate(dev, name)).filter(Candidate::is_wanted)),
        }
    }
    found
}

fn children(folder: &Path) -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries.filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path()))).collect();
    found.sort();
    found
}

fn partitions(disk: &Path) -> Vec<String> {
    let is_partition = |path: &Path| path.join("partition").exists();
    children(disk).into_iter().filter(|(_, path)| is_partition(path)).map(|(name, _)| name).collect()
}

/// A drive without a disc, or a device that cannot be read, has nothing on it.
fn candidate(dev: &Path, name: &str) -> Option<Candidate> {
    let device = dev.join(name);
    let mut head = Vec::new();
    File::open(&device).and_then(|file| file.take(HEAD as u64).read_to_end(&mut head)).ok()?;
    Some(Candidate { volume: volume::identify(&head)?, is_optical: name.starts_with("sr"), device })
}

impl Candidate {
    fn is_wanted(&self) -> bool {
        self.is_optical || self.volume.is_for_configuration()
    }

    fn describe(&self) -> String {
        format!("{} (label {:?})", self.device.display(), self.volume.label)
    }
}

/// User data on a disc: a file of its own, else the OVF environment.
pub(crate) fn disc(candidates: &[Candidate], open: Opener<'_>) -> Finding {
    let discs: Vec<&Candidate> = candidates.iter().filter(|candidate| candidate.is_optical).collect();
    if discs.is_empty() {
        return Finding::Absent("no disc in an optical drive".into());
    }
    let findings = discs.iter().map(|disc| look(disc, open, on_disc)).filter(|finding| !matches!(finding, Finding::Absent(_)));
    match findings.collect::<Vec<_>>().as_slice() {
        [] => Finding::Absent(format!("no user data on {}", names(&discs))),
        [one] => one.clone(),
        _ => Finding::Failed(format!("{} all hold user data; leave one of them", names(&discs))),
    }
}

/// User data on the one volume made for it.
pub(crate) fn config_volume(candidates: &[Candidate], open: Opener<'_>) -> Finding {
    let volumes: Vec<&Candidate> = candidates.iter().filter(|candidate| !candidate.is_optical).collect();
    match volumes.as_slice() {
        [] => Finding::Absent("no volume with the label ampoule-config, ampoule-cfg or cidata".into()),
        [one] => look(one, open, on_labelled_volume),
        _ => Finding::Failed(format!("{} are all labelled for configuration; leave one of them", names(&volumes))),
    }
}

fn names(candidates: &[&Candidate]) -> String {
    candidates.iter().map(|candidate| candidate.describe()).collect::<Vec<_>>().join(" and ")
}

/// A file name and its bytes if it is there; else why it cannot be had.
type Reading = Result<Option<(String, Vec<u8>)>, String>;

fn look(candidate: &Candidate, open: Opener<'_>, read: impl Fn(&Root) -> Reading) -> Finding {
    let place = candidate.describe();
    let root = open(&candidate.device, candidate.volume.file_system).and_then(Root::list);
    match root.map(|root| read(&root)) {
        Ok(Ok(Some((name, bytes)))) => Finding::of(bytes, format!("{name} on {place}")),
        Ok(Ok(None)) => Finding::Absent(format!("no user data on {place}")),
        Ok(Err(why)) => Finding::Failed(format!("{place}: {why}")),
        Err(error) => Finding::Failed(format!("Cannot open the file system on {place}: {error}")),
    }
}

fn on_disc(root: &Root) -> Reading {
    if let Some(file) = on_volume(root)? {
        return Ok(Some(file));
    }
    let Some(name) = root.only(&ovf::FILE_NAMES)? else { return Ok(None) };
    let document = root.read(&name, ovf::MAX_DOCUMENT)?;
    let bytes = ovf::user_data(&document).map_err(|error| format!("{name}: {}", chain(&error)))?;
    Ok(bytes.map(|bytes| (name, bytes)))
}

fn on_volume(root: &Root) -> Reading {
    let Some(name) = root.only(&volume::FILE_NAMES)? else { return Ok(None) };
    let bytes = root.read(&name, MAX_USER_DATA)?;
    Ok(Some((name, bytes)))
}

/// A volume made to configure a node and without user data is a mistake that its maker wants to hear of.
fn on_labelled_volume(root: &Root) -> Reading {
    on_volume(root)?.map(Some).ok_or_else(|| "has neither user-data nor user-data.toml in its root folder".into())
}

/// The root folder of a file system and the names in it. Listed and not tried one by one: some file systems know a file by many spellings.
struct Root {
    folder: OwnedFd,
    names: Vec<String>,
}

impl Root {
    fn list(folder: OwnedFd) -> io::Result<Self> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&folder)?.take(MOST_ENTRIES) {
            // A name that is no text is none of those looked for.
            names.extend(entry?.file_name().to_str().ok().map(str::to_owned));
        }
        Ok(Self { folder, names })
    }

    /// The one of `wanted` that is there.
    fn only(&self, wanted: &[&str]) -> Result<Option<String>, String> {
        let there: Vec<&String> = self.names.iter().filter(|name| wanted.contains(&name.as_str())).collect();
        match there.as_slice() {
            [] => Ok(None),
            [one] => Ok(Some((*one).clone())),
            several => Err(format!("{several:?} are all there; leave one of them")),
        }
    }

    fn read(&self, name: &str, most: usize) -> Result<Vec<u8>, String> {
        let inside = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
        let opened = rustix::fs::openat2(self.folder.as_fd(), name, LOOK, Mode::empty(), inside).map_err(io::Error::from);
        opened.and_then(|file| files::read(file, most)).map_err(|error| format!("cannot read {name}: {error}"))
    }
}

#[cfg(test)]
#[path = "devices_tests.rs"]
mod tests;
