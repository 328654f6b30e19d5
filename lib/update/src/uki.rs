//! What a unified kernel image says of itself: its command line and its os-release (UAPI.5 Unified Kernel Images).
//!
//! A PE file is read as far as its table of sections (Microsoft PE/COFF, 3 and 4), which systemd-stub reads too.

use std::ops::Range;

use ampoule_layout::{Architecture, RootHash, TableError, VerityTable};

use crate::pe::{self, Headers, NotAProgram};

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

impl<'a> Uki<'a> {
    /// Reads the image.
    ///
    /// # Errors
    /// [`UkiError`]; whatever the bytes are, the time is that of reading 96 sections.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, UkiError> {
        let Headers { architecture, sections, .. } = table(bytes)?;
        let find = |name| find(bytes, sections, name);
        if find(LINUX)?.is_empty() {
            return Err(UkiError::Section { section: ".linux", reason: "it is empty" });
        }
        let command_line = text(find(CMDLINE)?, ".cmdline", MAX_CMDLINE)?;
        let os_release = text(find(OSREL)?, ".osrel", MAX_OSRELEASE)?;
        Ok(Self { architecture, command_line, os_release })
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
    pe::check(bytes).map_err(UkiError::Start)?;
    pe::check(&bytes[kernel(bytes)?]).map_err(UkiError::Kernel)
}

/// Where the kernel lies in the image: what a node that has the same kernel need not fetch.
///
/// # Errors
/// The bytes are no unified kernel image.
pub fn kernel(bytes: &[u8]) -> Result<Range<usize>, UkiError> {
    place(bytes, table(bytes)?.sections, LINUX)
}

fn table(bytes: &[u8]) -> Result<Headers<'_>, UkiError> {
    pe::headers(bytes).map_err(|error| UkiError::Pe(error.0))
}

/// The bytes of the one section with this name.
fn find<'a>(bytes: &'a [u8], sections: &[u8], name: &'static [u8; 8]) -> Result<&'a [u8], UkiError> {
    Ok(&bytes[place(bytes, sections, name)?])
}

/// Where it lies; always inside of the file.
fn place(bytes: &[u8], sections: &[u8], name: &'static [u8; 8]) -> Result<Range<usize>, UkiError> {
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
    let length = virtual_size.min(raw_size);
    at.checked_add(length).filter(|end| *end <= bytes.len()).map(|end| at..end).ok_or(wrong("it lies outside of the file"))
}

/// A section as text, without zeros and line ends behind it.
fn text<'a>(bytes: &'a [u8], section: &'static str, longest: usize) -> Result<&'a str, UkiError> {
    let wrong = |reason| UkiError::Section { section, reason };
    if bytes.len() > longest {
        return Err(wrong("it is too long"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8"))?.trim_end_matches(['\0', '\n', ' ']);
    match text.contains('\0') {
        true => Err(wrong("there is a zero in it")),
        false => Ok(text),
    }
}

#[cfg(test)]
#[path = "uki_tests.rs"]
mod tests;
