//! What is done to the boot partition, step by step. Between any two steps, and whatever of the steps since the last [`Step::Sync`]
//! reached the disk, the loader starts a whole image first: `crash_tests.rs` tries.
//!
//! An image never loses its only name: FAT has no rename that power cannot cut into neither name, so a file gets its new name as a copy,
//! and loses the old one when that is durable.

use ampoule_layout::Architecture;
use semver::Version;

use super::{
    COPIES, Counter, DRAFT, ENTRIES, Esp, IMAGES, Image, TRIES, entry_name, image_name, order, parse_entry_name, parse_image_name,
};

/// One step. Paths are from the top of the boot partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Make the folder, if it is not there.
    Folder(String),
    /// Make the file, or empty it, and fill it.
    Write {
        /// With what.
        source: Source,
        /// Where.
        to: String,
    },
    /// Make a copy; what is at its place is overwritten.
    Copy {
        /// Of this file.
        from: String,
        /// Where.
        to: String,
    },
    /// Rename; what has the new name is replaced.
    Rename {
        /// From.
        from: String,
        /// To.
        to: String,
    },
    /// Remove the file, or find it gone.
    Remove(String),
    /// Make everything so far durable: contents, names, and the disk's own cache (`syncfs`).
    Sync,
}

/// What a file is filled with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The kernel image of the update.
    Image,
    /// Its boot loader.
    Loader,
}

/// Why nothing is done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoaderError {
    /// The image that runs is not good yet, so what could be returned to is kept.
    #[error("version {0} runs on trial; wait until it is good")]
    OnTrial(Version),
    /// The image that runs is not on the boot partition, or the other one is not.
    #[error("there is no kernel image of version {0} on the boot partition")]
    Missing(Version),
    /// Two versions cannot have one name.
    #[error("version {0} runs already")]
    SameVersion(Version),
}

/// What the counter of a name shall be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// None: good.
    Plain,
    /// Good, and behind another image for now: no tries left puts it last in the loader's order.
    SteppedBack,
    /// Bad after so many boots: no tries left.
    Spent(u32),
    /// On trial.
    Trial,
}

impl Wanted {
    fn is(self, counter: Option<Counter>) -> bool {
        match self {
            Self::Plain => counter.is_none(),
            Self::SteppedBack => counter.is_some_and(|counter| counter.left == 0),
            Self::Spent(_) => counter.is_some_and(Counter::is_spent),
            Self::Trial => counter == self.counter(),
        }
    }

    fn counter(self) -> Option<Counter> {
        match self {
            Self::Plain => None,
            Self::SteppedBack => Some(Counter::STEPPED_BACK),
            Self::Spent(done) => Some(Counter { left: 0, done: done.max(1) }),
            Self::Trial => Some(Counter { left: TRIES, done: 0 }),
        }
    }
}

/// Before the idle slot is written: nothing that starts it is left, nor anything else of other versions.
///
/// # Errors
/// If the version that runs has no image, or one that is not good yet.
pub fn stage(esp: &Esp, running: &Version) -> Result<Vec<Step>, LoaderError> {
    check_good(esp, running)?;
    let ours = |name: &&String| name.to_lowercase().starts_with("ampoule_");
    let other = |version: Option<Version>| version.as_ref() != Some(running);
    let entries = esp.entries.iter().filter(ours).filter(|name| other(parse_entry_name(name).map(|(version, _)| version)));
    let images = esp.images.iter().filter(ours).filter(|name| other(parse_image_name(name).map(|(version, _)| version)));
    let copies = esp.copies.iter().filter(|name| name.ends_with(".part") || is_copy_of_another(name, running));
    // Entries first: without its copy an entry is one that the loader leaves out, but that is no reason to rely on it.
    let mut steps = removed(ENTRIES, entries);
    steps.extend(removed(IMAGES, images));
    steps.extend(removed(COPIES, copies));
    Ok(steps)
}

/// Also one that was in the making when power failed.
fn is_copy_of_another(name: &str, running: &Version) -> bool {
    name.strip_suffix(".new")
        .unwrap_or(name)
        .strip_suffix(".efi")
        .and_then(|version| version.parse::<Version>().ok())
        .is_some_and(|version| version != *running)
}

fn removed<'n>(folder: &str, names: impl Iterator<Item = &'n String>) -> Vec<Step> {
    let mut steps: Vec<_> = names.map(|name| Step::Remove(format!("{folder}/{name}"))).collect();
    if !steps.is_empty() {
        steps.push(Step::Sync);
    }
    steps
}

/// Makes the image in the idle slot the one that boots next, on trial. The slot must be whole.
///
/// # Errors
/// If the version that runs has no image, or one that is not good yet, or is the same.
pub fn activate(esp: &Esp, running: &Image, next: &Image) -> Result<Vec<Step>, LoaderError> {
    if running.version == next.version {
        return Err(LoaderError::SameVersion(next.version.clone()));
    }
    check_there(esp, &running.version)?;
    let name = image_name(&next.version, Wanted::Trial.counter());
    let mut steps = vec![Step::Folder(COPIES.to_owned()), Step::Write { source: Source::Image, to: DRAFT.to_owned() }, Step::Sync];
    steps.extend(removed(ENTRIES, entries_of(esp, &next.version).iter()));
    steps.extend(removed(IMAGES, images_of(esp, &next.version).iter()));
    steps.push(Step::Rename { from: DRAFT.to_owned(), to: format!("{IMAGES}/{name}") });
    steps.push(Step::Sync);
    steps.extend(step_back(esp, running, next));
    Ok(steps)
}

/// Takes [`activate`] back: the version that runs boots next. The other stays in its slot.
///
/// # Errors
/// If the version that runs has no image.
pub fn deactivate(esp: &Esp, running: &Version, next: &Version) -> Result<Vec<Step>, LoaderError> {
    check_there(esp, running)?;
    let mut steps = images(esp, running, Wanted::Plain);
    // What stepped back for a downgrade has this very counter; entries that were given up have another.
    let stepped_back = |name: &String| parse_entry_name(name).is_some_and(|(_, counter)| counter == Some(Counter::STEPPED_BACK));
    if entries_of(esp, running).iter().any(stepped_back) {
        steps.extend(entries(esp, running, Wanted::Plain));
    }
    steps.extend(removed(ENTRIES, entries_of(esp, next).iter()));
    steps.extend(removed(IMAGES, images_of(esp, next).iter()));
    steps.extend(removed(COPIES, esp.copies.iter().filter(|name| **name == format!("{next}.efi"))));
    Ok(steps)
}

/// The boot is good: the image that runs needs no counter any more; nor does its entry with parameters, if it was started through that.
///
/// # Errors
/// If the version that runs has no image.
pub fn bless(esp: &Esp, running: &Version, through_parameters: bool) -> Result<Vec<Step>, LoaderError> {
    check_there(esp, running)?;
    let mut steps = images(esp, running, Wanted::Plain);
    if through_parameters {
        steps.extend(entries(esp, running, Wanted::Plain));
    }
    Ok(steps)
}

/// The boot is bad: the next one starts the other image. To be followed by a reboot.
///
/// # Errors
/// If there is no other image: a reboot would only start the same again.
pub fn condemn(esp: &Esp, running: &Version, other: &Version) -> Result<Vec<Step>, LoaderError> {
    check_there(esp, running)?;
    check_there(esp, other)?;
    let boots = images_of(esp, running).iter().filter_map(|name| parse_image_name(name)?.1).map(|counter| counter.done).max();
    let spent = Wanted::Spent(boots.unwrap_or(1));
    let mut steps = entries(esp, running, spent);
    steps.extend(images(esp, running, spent));
    Ok(steps)
}

/// By hand back to the image in the other slot, on trial. The slot must be whole.
///
/// # Errors
/// If there is no other image, or the version that runs has none or is not good yet.
pub fn rollback(esp: &Esp, running: &Image, other: &Image) -> Result<Vec<Step>, LoaderError> {
    check_good(esp, &running.version)?;
    check_there(esp, &other.version)?;
    let mut steps = entries(esp, &other.version, Wanted::Trial);
    steps.extend(images(esp, &other.version, Wanted::Trial));
    steps.extend(step_back(esp, running, other));
    Ok(steps)
}

/// Where another boot loader is written before it is the one that starts.
pub fn loader_draft(architecture: Architecture) -> String {
    format!("{}.NEW", architecture.loader_stem())
}

/// Writes another boot loader beside the one that is there, of which a copy stays as `.OLD`. To be read back, and then followed by [`use_loader`] or
/// [`drop_loader`].
pub fn draft_loader(architecture: Architecture) -> Vec<Step> {
    let (old, draft) = (format!("{}.OLD", architecture.loader_stem()), loader_draft(architecture));
    vec![
        Step::Copy { from: architecture.loader(), to: draft.clone() },
        Step::Sync,
        Step::Rename { from: draft.clone(), to: old },
        Step::Sync,
        Step::Write { source: Source::Loader, to: draft },
        Step::Sync,
    ]
}

/// Makes the boot loader that was written the one that starts.
pub fn use_loader(architecture: Architecture) -> Vec<Step> {
    vec![Step::Rename { from: loader_draft(architecture), to: architecture.loader() }, Step::Sync]
}

/// Removes the boot loader that was written; the one that starts stays what it is.
pub fn drop_loader(architecture: Architecture) -> Vec<Step> {
    vec![Step::Remove(loader_draft(architecture)), Step::Sync]
}

/// The version that runs goes behind `next`, if the loader would start it first.
fn step_back(esp: &Esp, running: &Image, next: &Image) -> Vec<Step> {
    if order::is_first(next, running) {
        return Vec::new();
    }
    // An entry on trial is not kept: its parameters are asked for again by the version that wants them.
    let tried = |name: &&String| parse_entry_name(name).is_some_and(|(_, counter)| counter.is_some_and(|counter| counter.left > 0));
    let of_running = entries_of(esp, &running.version);
    let mut steps = removed(ENTRIES, of_running.iter().filter(tried));
    if of_running.iter().any(|name| !tried(&name)) {
        steps.extend(entries(esp, &running.version, Wanted::SteppedBack));
    }
    steps.extend(images(esp, &running.version, Wanted::SteppedBack));
    steps
}

fn check_there(esp: &Esp, version: &Version) -> Result<(), LoaderError> {
    if images_of(esp, version).is_empty() { Err(LoaderError::Missing(version.clone())) } else { Ok(()) }
}

fn check_good(esp: &Esp, version: &Version) -> Result<(), LoaderError> {
    check_there(esp, version)?;
    let good = |name: &String| parse_image_name(name).is_some_and(|(_, counter)| counter.is_none());
    if images_of(esp, version).iter().any(good) { Ok(()) } else { Err(LoaderError::OnTrial(version.clone())) }
}

fn images_of(esp: &Esp, version: &Version) -> Vec<String> {
    let of_it = |name: &&String| parse_image_name(name).is_some_and(|(other, _)| other == *version);
    esp.images.iter().filter(of_it).cloned().collect()
}

fn entries_of(esp: &Esp, version: &Version) -> Vec<String> {
    let of_it = |name: &&String| parse_entry_name(name).is_some_and(|(other, _)| other == *version);
    esp.entries.iter().filter(of_it).cloned().collect()
}

fn images(esp: &Esp, version: &Version, wanted: Wanted) -> Vec<Step> {
    named(IMAGES, &images_of(esp, version), &image_name(version, wanted.counter()), |name| {
        wanted.is(parse_image_name(name).and_then(|(_, c)| c))
    })
}

fn entries(esp: &Esp, version: &Version, wanted: Wanted) -> Vec<Step> {
    named(ENTRIES, &entries_of(esp, version), &entry_name(version, wanted.counter()), |name| {
        wanted.is(parse_entry_name(name).and_then(|(_, c)| c))
    })
}

/// Leaves of the files of one version the one whose name is right; makes it if there is none.
fn named(folder: &str, there: &[String], name: &str, is_right: impl Fn(&str) -> bool) -> Vec<Step> {
    let Some(any) = there.first() else { return Vec::new() };
    let mut steps = Vec::new();
    let kept = match there.iter().find(|there| is_right(there)) {
        Some(kept) => kept.as_str(),
        None => {
            let (from, to) = (format!("{folder}/{any}"), format!("{folder}/{name}"));
            steps.push(Step::Folder(COPIES.to_owned()));
            steps.push(Step::Copy { from, to: DRAFT.to_owned() });
            steps.push(Step::Sync);
            steps.push(Step::Rename { from: DRAFT.to_owned(), to });
            steps.push(Step::Sync);
            name
        }
    };
    steps.extend(removed(folder, there.iter().filter(|there| *there != kept)));
    steps
}
