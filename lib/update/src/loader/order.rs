//! The order in which systemd-boot puts entries; it starts the first. Its own rules, so that what it will do can be said beforehand:
//! systemd-boot(7), UAPI.1 (sorting, boot counting), UAPI.10 Version Format Specification.

use std::cmp::Ordering;

use super::{Counter, ENTRIES, Esp, IMAGES, Image, entry_name, image_name, parse_entry_name, parse_image_name};
use ampoule_layout::os_release_value;
use semver::Version;

/// Something that the loader can start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Path of the file that the loader reads and renames.
    pub path: String,
    /// The version whose kernel it starts.
    pub version: Version,
    /// Whether it is the entry with boot parameters.
    pub parameters: bool,
    /// Its boot counter.
    pub counter: Option<Counter>,
    order: String,
}

/// Where the loader takes the version of a kernel image from: the first of these that its os-release has.
const IN_ORDER: [&str; 4] = ["IMAGE_VERSION", "VERSION", "VERSION_ID", "BUILD_ID"];

/// What the loader orders an image with this os-release(5) by.
pub fn order_of(os_release: &str) -> String {
    IN_ORDER.iter().find_map(|field| os_release_value(os_release, field)).unwrap_or_default().to_owned()
}

/// What the loader finds, in its order: it starts the first. Of `images` those count whose files are there; an entry with
/// parameters is left out if the copy that it starts is gone.
pub fn entries(esp: &Esp, images: &[Image]) -> Vec<Entry> {
    let order = |version: &Version| images.iter().find(|image| image.version == *version).map(|image| image.order.clone());
    let kernels = esp.images.iter().filter_map(|name| {
        let (version, counter) = parse_image_name(name)?;
        Some(Entry { path: format!("{IMAGES}/{name}"), order: order(&version)?, version, parameters: false, counter })
    });
    let with_parameters = esp.entries.iter().filter_map(|name| {
        let (version, counter) = parse_entry_name(name)?;
        let there = esp.copies.contains(&format!("{version}.efi"));
        let order = there.then(|| order(&version)).flatten()? + ".parameters";
        Some(Entry { path: format!("{ENTRIES}/{name}"), order, version, parameters: true, counter })
    });
    let mut entries: Vec<_> = kernels.chain(with_parameters).collect();
    entries.sort_by(Entry::compare);
    entries
}

impl Entry {
    /// Which comes first. All entries of ours have the same sort key.
    pub fn compare(&self, other: &Self) -> Ordering {
        let exhausted = |entry: &Self| entry.counter.is_some_and(|counter| counter.left == 0);
        let id = |entry: &Self| entry.path.rsplit('/').next().unwrap_or_default().to_lowercase();
        exhausted(self)
            .cmp(&exhausted(other))
            .then_with(|| compare_versions(&other.order, &self.order))
            .then_with(|| compare_versions(&id(other), &id(self)))
            .then_with(|| match (self.counter, other.counter) {
                (Some(a), Some(b)) => b.left.cmp(&a.left).then(a.done.cmp(&b.done)),
                _ => Ordering::Equal,
            })
    }
}

/// The path of an entry after the loader has started it: one try less, if its name counts.
pub fn counted(entry: &Entry) -> String {
    let Some(Counter { left, done }) = entry.counter else { return entry.path.clone() };
    let counter = Some(Counter { left: left.saturating_sub(1), done: done.saturating_add(1) });
    match entry.parameters {
        true => format!("{ENTRIES}/{}", entry_name(&entry.version, counter)),
        false => format!("{IMAGES}/{}", image_name(&entry.version, counter)),
    }
}

/// Whether the loader starts `next` before `running`, with or without parameters, if both have tries left.
pub(super) fn is_first(next: &Image, running: &Image) -> bool {
    let with_parameters = format!("{}.parameters", running.order);
    [&running.order, &with_parameters].into_iter().all(|order| compare_versions(&next.order, order) == Ordering::Greater)
}

/// Compares versions as UAPI.10 says.
pub fn compare_versions(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        (a, b) = (skip(a), skip(b));
        // `~` sorts before everything, also before the end.
        let (first_a, first_b) = (a.first().copied(), b.first().copied());
        if first_a == Some(b'~') || first_b == Some(b'~') {
            match (first_a != Some(b'~')).cmp(&(first_b != Some(b'~'))) {
                Ordering::Equal => (a, b) = (&a[1..], &b[1..]),
                decided => return decided,
            }
            continue;
        }
        if a.is_empty() || b.is_empty() {
            return (!a.is_empty()).cmp(&!b.is_empty());
        }
        match separators(&mut a, &mut b) {
            Ordering::Equal => {}
            decided => return decided,
        }
        match segments(&mut a, &mut b) {
            Ordering::Equal => {}
            decided => return decided,
        }
    }
}

fn skip(text: &[u8]) -> &[u8] {
    let valid = |c: &u8| c.is_ascii_alphanumeric() || b"~-^.".contains(c);
    &text[text.iter().position(valid).unwrap_or(text.len())..]
}

/// `-`, then `^`, then `.` sort before anything else in their place.
fn separators(a: &mut &[u8], b: &mut &[u8]) -> Ordering {
    for separator in *b"-^." {
        let (has_a, has_b) = (a.first() == Some(&separator), b.first() == Some(&separator));
        if has_a != has_b {
            return if has_a { Ordering::Less } else { Ordering::Greater };
        }
        if has_a {
            (*a, *b) = (&a[1..], &b[1..]);
        }
    }
    Ordering::Equal
}

/// Compares the numbers, or else the letters, that stand at the start, and takes them off.
fn segments(a: &mut &[u8], b: &mut &[u8]) -> Ordering {
    let numeric = [&*a, &*b].into_iter().any(|text| text.first().is_some_and(u8::is_ascii_digit));
    let kind: fn(&u8) -> bool = if numeric { u8::is_ascii_digit } else { u8::is_ascii_alphabetic };
    let (part_a, part_b) = (take(a, kind), take(b, kind));
    match numeric {
        // Numbers are newer than letters; longer numbers are larger once leading zeros are off.
        true => {
            let (number_a, number_b) = (without_zeros(part_a), without_zeros(part_b));
            let there = (!part_a.is_empty()).cmp(&!part_b.is_empty());
            there.then(number_a.len().cmp(&number_b.len())).then_with(|| number_a.cmp(number_b))
        }
        false => part_a.cmp(part_b),
    }
}

fn take<'a>(text: &mut &'a [u8], kind: fn(&u8) -> bool) -> &'a [u8] {
    let end = text.iter().position(|c| !kind(c)).unwrap_or(text.len());
    let (part, rest) = text.split_at(end);
    *text = rest;
    part
}

fn without_zeros(number: &[u8]) -> &[u8] {
    &number[number.iter().position(|c| *c != b'0').unwrap_or(number.len())..]
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
