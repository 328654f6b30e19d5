//! The boot loader's files: which there are, and which there shall be
//! (UAPI.1 Boot Loader Specification: type #1 entries and boot counting).

use std::io;

use ampoule_disk::Folder;
use ampoule_kernel::{Entry, EntryStep};
use ampoule_update::loader::{COPIES, ENTRIES, IMAGES, parse_counter};

const SETTLED: &str = "EFI/ampoule/settled";

/// The files that concern the version of the system that runs.
pub(crate) struct Loader<'a> {
    pub(crate) folder: Folder,
    /// `VERSION_ID` of the system.
    pub(crate) version: &'a str,
    /// The version by which the boot loader orders the image's own entry.
    pub(crate) order: &'a str,
    /// The image's own command line.
    pub(crate) base: &'a str,
}

impl Loader<'_> {
    /// The image's kernel image, whatever its counter says at the moment.
    pub(crate) fn image(&self) -> io::Result<Option<String>> {
        let stem = format!("ampoule_{}", self.version);
        let ours = |name: &String| name.strip_prefix(&stem).and_then(|rest| counter(rest.strip_suffix(".efi")?)).is_some();
        Ok(self.folder.names(IMAGES)?.into_iter().find(ours).map(|name| format!("{IMAGES}/{name}")))
    }

    /// Whether the boots of `image` are still counted.
    pub(crate) fn is_on_trial(&self, image: &str) -> bool {
        image.contains('+')
    }

    /// The entry that carries parameters, if it is whole: one of its kind, as this program writes it, with its copy of `image`.
    pub(crate) fn entry(&self, image: &str) -> io::Result<Option<Entry>> {
        let names = self.entry_names(self.version)?;
        let [name] = names.as_slice() else { return Ok(None) };
        let Some(text) = self.folder.text(&format!("{ENTRIES}/{name}"))? else { return Ok(None) };
        let Some(parameters) = self.parameters_in(&text) else { return Ok(None) };
        let tries_left = self.rest(name, self.version).and_then(counter).flatten();
        let whole = self.folder.same(image, &self.copy())?;
        Ok(whole.then(|| Entry { parameters: parameters.to_owned(), tries_left }))
    }

    /// Whether there is an entry of ours for this version, whole or not.
    pub(crate) fn has_entries(&self) -> io::Result<bool> {
        Ok(!self.entry_names(self.version)?.is_empty())
    }

    /// What was rebooted for last.
    pub(crate) fn settled(&self) -> io::Result<Option<String>> {
        self.folder.text(SETTLED)
    }

    /// Keeps what is rebooted for.
    pub(crate) fn settle(&self, parameters: &str) -> io::Result<()> {
        self.folder.make(COPIES)?;
        self.folder.write(SETTLED, parameters)
    }

    /// Brings the entry to what it shall be.
    pub(crate) fn carry_out(&self, step: EntryStep, image: &str, parameters: &str) -> io::Result<()> {
        match step {
            EntryStep::Keep => Ok(()),
            EntryStep::Remove => self.remove(self.version),
            EntryStep::Write(tries) => self.write(tries, image, parameters),
        }
    }

    fn write(&self, tries: Option<u32>, image: &str, parameters: &str) -> io::Result<()> {
        self.remove_those_of_gone_images()?;
        [COPIES, ENTRIES].into_iter().try_for_each(|folder| self.folder.make(folder))?;
        // The copy first: an entry without its kernel image is one that the loader leaves out.
        if !self.folder.same(image, &self.copy())? {
            self.folder.copy(image, &self.copy())?;
        }
        let counter = tries.map_or(String::new(), |tries| format!("+{tries}"));
        let name = format!("ampoule_{}.parameters{counter}.conf", self.version);
        self.folder.write(&format!("{ENTRIES}/{name}"), &self.entry_text(parameters))?;
        let others = self.entry_names(self.version)?.into_iter().filter(|other| *other != name);
        others.into_iter().try_for_each(|other| self.folder.remove(&format!("{ENTRIES}/{other}")))
    }

    fn remove(&self, version: &str) -> io::Result<()> {
        for name in self.entry_names(version)? {
            self.folder.remove(&format!("{ENTRIES}/{name}"))?;
        }
        self.folder.remove(&format!("{COPIES}/{version}.efi"))
    }

    /// Versions that were updated away leave nothing behind.
    fn remove_those_of_gone_images(&self) -> io::Result<()> {
        let images = self.folder.names(IMAGES)?;
        let gone = |version: &str| !images.iter().any(|image| image.starts_with(&format!("ampoule_{version}")));
        for copy in self.folder.names(COPIES)? {
            if let Some(version) = copy.strip_suffix(".efi").filter(|version| gone(version)) {
                self.remove(version)?;
            }
        }
        Ok(())
    }

    fn entry_names(&self, version: &str) -> io::Result<Vec<String>> {
        let names = self.folder.names(ENTRIES)?.into_iter();
        Ok(names.filter(|name| self.rest(name, version).is_some_and(|rest| counter(rest).is_some())).collect())
    }

    /// What stands between the name of an entry of ours and its ending.
    fn rest<'n>(&self, name: &'n str, version: &str) -> Option<&'n str> {
        name.strip_prefix("ampoule_")?.strip_prefix(version)?.strip_prefix(".parameters")?.strip_suffix(".conf")
    }

    fn copy(&self) -> String {
        format!("{COPIES}/{}.efi", self.version)
    }

    /// Its version makes it stand right before the image's own entry, and behind those of newer images.
    fn entry_text(&self, parameters: &str) -> String {
        let Self { version, order, base, .. } = self;
        format!(
            "title Ampoule {version} with boot parameters\nsort-key ampoule\nversion {order}.parameters\nefi /{}\noptions {base} {parameters}\n",
            self.copy()
        )
    }

    fn parameters_in<'t>(&self, text: &'t str) -> Option<&'t str> {
        let options = text.lines().find_map(|line| line.strip_prefix("options "))?;
        let parameters = options.strip_prefix(self.base)?.strip_prefix(' ')?;
        (self.entry_text(parameters) == text).then_some(parameters)
    }
}

/// The boots left in what a file's name has behind the version: nothing, `+LEFT` or `+LEFT-DONE`; the outer `None` if it is none of these.
fn counter(text: &str) -> Option<Option<u32>> {
    match text.strip_prefix('+') {
        Some(counter) => parse_counter(counter).map(|counter| Some(counter.left)),
        None => text.is_empty().then_some(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters() {
        assert_eq!((counter(""), counter("+3"), counter("+0-3")), (Some(None), Some(Some(3)), Some(Some(0))));
        for wrong in ["+", "3", "+x", "+1-", "++1", "+1-x", "-1", ".1"] {
            assert_eq!(counter(wrong), None, "{wrong}");
        }
    }
}
