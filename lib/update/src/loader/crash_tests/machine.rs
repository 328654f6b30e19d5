//! A machine that boots such a disk: firmware and loader count, the kernel finds its root or panics, the system is good or not.

use semver::Version;

use super::super::{COPIES, Counter, ENTRIES, Entry, Image, TRIES, counted, entries, entry_name, parse_entry_name, parse_image_name};
use super::disk::{Disk, File};

/// More boots than this have no end.
const NO_END: usize = 16;

/// What `boot-parameters` does at each boot that gets as far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parameters {
    /// Settings ask for none.
    None,
    /// They ask for some: an entry on trial is made; once the image is good and was started through it, it is proven.
    Wanted,
    /// The same, but proven while the image is still on trial.
    ProvenTooEarly,
}

/// A boot that came up.
#[derive(Debug, Clone)]
pub(super) struct Boot {
    pub(super) version: Version,
    pub(super) through_parameters: bool,
    /// How many boots it took.
    pub(super) boots: usize,
    /// The disk afterwards.
    pub(super) disk: Disk,
}

/// What the loader starts, if that is one thing.
pub(super) fn first(disk: &Disk, images: &[Image]) -> Result<Entry, &'static str> {
    let entries = entries(&disk.esp(), images);
    match entries.as_slice() {
        [] => Err("nothing to start"),
        [a, b, ..] if a.compare(b).is_eq() => Err("two are first"),
        [first, ..] => Ok(first.clone()),
    }
}

/// Boots until a version is up that is whole and not `bad`; `None` if that never comes.
pub(super) fn boot_until_up(disk: &Disk, images: &[Image], bad: &[&Version], parameters: Parameters) -> Option<Boot> {
    let mut disk = disk.clone();
    for boots in 1..=NO_END {
        let entry = first(&disk, images).ok()?;
        let whole = disk.is_whole(&entry);
        let path = counted(&entry);
        if let Some(file) = disk.files.remove(&entry.path) {
            disk.files.insert(path.clone(), file);
        }
        if !whole {
            continue;
        }
        with_parameters(&mut disk, &entry, &path, parameters);
        if !bad.contains(&&entry.version) {
            return Some(Boot { version: entry.version, through_parameters: entry.parameters, boots, disk });
        }
    }
    None
}

fn with_parameters(disk: &mut Disk, booted: &Entry, path: &str, parameters: Parameters) {
    let version = &booted.version;
    let esp = disk.esp();
    let proven = esp.images.iter().filter_map(|name| parse_image_name(name)).any(|(other, counter)| other == *version && counter.is_none());
    let has_entry = esp.entries.iter().any(|name| parse_entry_name(name).is_some_and(|(other, _)| other == *version));
    match parameters {
        Parameters::None => {}
        _ if !has_entry => {
            disk.files.insert(format!("{COPIES}/{version}.efi"), File::Whole(version.to_string()));
            let name = entry_name(version, Some(Counter { left: TRIES, done: 0 }));
            disk.files.insert(format!("{ENTRIES}/{name}"), File::Whole("entry".to_owned()));
        }
        _ if booted.parameters && (proven || parameters == Parameters::ProvenTooEarly) => {
            disk.files.remove(path);
            disk.files.insert(format!("{ENTRIES}/{}", entry_name(version, None)), File::Whole("entry".to_owned()));
        }
        _ => {}
    }
}
