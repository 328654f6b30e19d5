//! What a unified kernel image says of itself: its command line and its os-release (UAPI.5 Unified Kernel Images).
//!
//! A PE file is read as far as its table of sections (Microsoft PE/COFF, 3 and 4), which systemd-stub reads too.

use std::ops::Range;

use ampoule_layout::{Architecture, RootHash, TableError, VerityTable};

use crate::pe::{self, Head, Headers, NotAProgram};

/// Longest command line, in bytes: COMMAND_LINE_SIZE on x86, Linux 6.12.
const MAX_CMDLINE: usize = 2048;
/// Longest os-release, in bytes.
const MAX_OSRELEASE: usize = 16 * 1024;

const CMDLINE: &[u8; 8] = b".cmdline";
const OSREL: &[u8; 8] = b".osrel\0\0";
const LINUX: &[u8; 8] = b".linux\0\0";

/// What a unified kernel image says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uki<'a> {
    /// Machine that it runs on.
    pub architecture: Architecture,
    /// Command line of its kernel.
    pub command_line: &'a str,
    /// os-release(5) of its system.
    pub os_release: &'a str,
}

/// Why the bytes are not taken for a unified kernel image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UkiError {
    /// It is no PE file, or one that is cut off.
    #[error("the kernel image is no whole PE file: {0}")]
    Pe(&'static str),
    /// A section is missing, there twice, too long or not text.
    #[error("section {section} of the kernel image: {reason}")]
    Section {
        /// Its name.
        section: &'static str,
        /// What is wrong.
        reason: &'static str,
    },
    /// Firmware would not start it, which would cost its tries.
    #[error("the kernel image: {0}")]
    Start(NotAProgram),
    /// The same of the kernel in it, which is a program of its own.
    #[error("the kernel of the kernel image: {0}")]
    Kernel(NotAProgram),
    /// Its command line names no verified root.
    #[error("command line of the kernel image: no dm-mod.create=\"…\"")]
    NoRoot,
    /// Its command line names a root that is none.
    #[error("command line of the kernel image: {0}")]
    Root(#[from] TableError),
}

/// Where in an image lies what says what it is: all of it is short but the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    architecture: Architecture,
    /// The kernel.
    pub kernel: Range<usize>,
    /// Its command line, of at most 2 KiB.
    pub command_line: Range<usize>,
    /// The os-release, of at most 16 KiB.
    pub os_release: Range<usize>,
}

impl Places {
    /// Finds them; always inside of the file.
    ///
    /// # Errors
    /// [`UkiError`]; whatever the bytes are, the time is that of reading 96 sections.
    pub fn of<'a>(image: impl Into<Head<'a>>) -> Result<Self, UkiError> {
        let image = image.into();
        let Headers { architecture, sections, .. } = table(image.bytes)?;
        let find = |name| place(image.length, sections, name);
        let kernel = find(LINUX)?;
        if kernel.is_empty() {
            return Err(UkiError::Section { section: ".linux", reason: "it is empty" });
        }
        let command_line = short(find(CMDLINE)?, ".cmdline", MAX_CMDLINE)?;
        let os_release = short(find(OSREL)?, ".osrel", MAX_OSRELEASE)?;
        Ok(Self { architecture, kernel, command_line, os_release })
    }
}

impl<'a> Uki<'a> {
    /// Reads the image.
    ///
    /// # Errors
    /// As [`Places::of`] and [`Self::of`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, UkiError> {
        let places = Places::of(bytes)?;
        Self::of(&places, &bytes[places.command_line.clone()], &bytes[places.os_release.clone()])
    }

    /// Reads what lies at these places of an image.
    ///
    /// # Errors
    /// It is not text.
    pub fn of(places: &Places, command_line: &'a [u8], os_release: &'a [u8]) -> Result<Self, UkiError> {
        let (command_line, os_release) = (text(command_line, ".cmdline")?, text(os_release, ".osrel")?);
        Ok(Self { architecture: places.architecture, command_line, os_release })
    }

    /// The root that its kernel verifies. The rest of the command line is the image's own business: a newer version may say more.
    ///
    /// # Errors
    /// If the command line names none, or not in the form that this version knows.
    pub fn root(&self) -> Result<VerityTable, UkiError> {
        const START: &str = "dm-mod.create=\"";
        let mut parts = self.command_line.split(START).skip(1);
        let (Some(rest), None) = (parts.next(), parts.next()) else { return Err(UkiError::NoRoot) };
        let (table, _) = rest.split_once('"').ok_or(UkiError::NoRoot)?;
        Ok(table.parse()?)
    }

    /// The hash of that root.
    ///
    /// # Errors
    /// As [`Self::root`].
    pub fn root_hash(&self) -> Result<RootHash, UkiError> {
        self.root().map(|root| root.root_hash)
    }

    /// What the boot loader takes as the version of this image to put entries into their order: systemd-boot(7).
    pub fn order(&self) -> String {
        crate::loader::order_of(self.os_release)
    }
}

/// Whether firmware starts the image, and the stub in it the kernel, as far as their headers show it. What goes wrong there costs a try, and the first stage starts the machine anew.
///
/// # Errors
/// It does not.
pub fn starts(bytes: &[u8]) -> Result<(), UkiError> {
    image_starts(bytes)?;
    kernel_starts(&bytes[kernel(bytes)?])
}

/// The first half of [`starts`].
///
/// # Errors
/// Firmware does not start it.
pub fn image_starts<'a>(image: impl Into<Head<'a>>) -> Result<(), UkiError> {
    pe::check(image).map_err(UkiError::Start)
}

/// The second, for what lies where [`Places`] says that the kernel is.
///
/// # Errors
/// The stub does not start it.
pub fn kernel_starts<'a>(kernel: impl Into<Head<'a>>) -> Result<(), UkiError> {
    pe::check(kernel).map_err(UkiError::Kernel)
}

/// Where the kernel lies in the image: what a node that has the same kernel need not fetch.
///
/// # Errors
/// The bytes are no unified kernel image.
pub fn kernel(bytes: &[u8]) -> Result<Range<usize>, UkiError> {
    place(bytes.len(), table(bytes)?.sections, LINUX)
}

fn table(bytes: &[u8]) -> Result<Headers<'_>, UkiError> {
    pe::headers(bytes).map_err(|error| UkiError::Pe(error.0))
}

/// Where the one section with this name lies in a file of this length; always inside of it.
fn place(length: usize, sections: &[u8], name: &'static [u8; 8]) -> Result<Range<usize>, UkiError> {
    let printed = std::str::from_utf8(name).unwrap_or_default().trim_end_matches('\0');
    let wrong = |reason| UkiError::Section { section: printed, reason };
    let mut found = sections.chunks_exact(pe::SECTION).filter(|section| &section[..8] == name);
    let section = found.next().ok_or(wrong("it is missing"))?;
    if found.next().is_some() {
        return Err(wrong("it is there twice"));
    }
    // The file may hold more than the section (padding) or less (zeros at its end).
    let field = |at| pe::number(section, at, 4).map_err(|error| UkiError::Pe(error.0));
    let (virtual_size, raw_size, at) = (field(8)?, field(16)?, field(20)?);
    let size = virtual_size.min(raw_size);
    at.checked_add(size).filter(|end| *end <= length).map(|end| at..end).ok_or(wrong("it lies outside of the file"))
}

/// Checked before anything of it is read.
fn short(place: Range<usize>, section: &'static str, longest: usize) -> Result<Range<usize>, UkiError> {
    if place.len() > longest { Err(UkiError::Section { section, reason: "it is too long" }) } else { Ok(place) }
}

/// A section as text, without zeros and line ends behind it.
fn text<'a>(bytes: &'a [u8], section: &'static str) -> Result<&'a str, UkiError> {
    let wrong = |reason| UkiError::Section { section, reason };
    let text = std::str::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8"))?.trim_end_matches(['\0', '\n', ' ']);
    match text.contains('\0') {
        true => Err(wrong("there is a zero in it")),
        false => Ok(text),
    }
}

#[cfg(test)]
#[path = "uki_tests.rs"]
mod tests;
