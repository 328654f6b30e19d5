//! Whether firmware loads a file as a program: what it looks at before it starts one (UEFI 2.10, 2.1.1; Microsoft PE/COFF, 3 and 4).
//!
//! A kernel image that firmware refuses costs its tries: the boot loader has chosen and counted it by then and gives up, and the first stage (`node/first-stage`) starts the machine
//! anew. A boot loader that firmware refuses has nobody before it who would. So what shows in the headers is refused before it is written.

use ampoule_layout::Architecture;

/// PE32+.
const MAGIC: u16 = 0x20b;
/// `IMAGE_SUBSYSTEM_EFI_APPLICATION`
const APPLICATION: u16 = 10;
/// Bytes of the optional header before its directories, of one of those, and most of them.
const FIXED: usize = 112;
const DIRECTORY: usize = 8;
const MAX_DIRECTORIES: usize = 16;
/// Bytes of a section's header.
pub(crate) const SECTION: usize = 40;
/// Most sections that are taken; systemd's images have about ten.
const MAX_SECTIONS: usize = 96;
/// Farthest place of the PE header.
const MAX_HEADER: usize = 64 * 1024;
/// Bytes of the PE header before the optional header, which has as many as two bytes can say.
const FILE_HEADER: usize = 24;
const MAX_OPTIONAL: usize = u16::MAX as usize;
/// Bytes at the start of a file in which its headers lie, however long it is.
pub const MAX_HEAD: usize = MAX_HEADER + FILE_HEADER + MAX_OPTIONAL + MAX_SECTIONS * SECTION;

/// Why firmware would not start it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("firmware would not start it: {0}")]
pub struct NotAProgram(pub &'static str);

/// The start of a file: the whole of it, or [`MAX_HEAD`] bytes. What is looked at is all in there, so that nobody needs to hold a file that is as large as a node's memory for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head<'a> {
    /// The first bytes.
    pub bytes: &'a [u8],
    /// Bytes of the file.
    pub length: usize,
}

impl<'a> From<&'a [u8]> for Head<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self { bytes, length: bytes.len() }
    }
}

/// A PE file as far as its table of sections.
pub(crate) struct Headers<'a> {
    /// Machine that it runs on.
    pub(crate) architecture: Architecture,
    /// The optional header.
    optional: &'a [u8],
    /// Headers of its sections, of [`SECTION`] bytes each.
    pub(crate) sections: &'a [u8],
    /// Where these end in the file.
    end: usize,
}

/// Reads the headers.
///
/// # Errors
/// They are none, are cut off, or those of another machine than ours.
pub(crate) fn headers(bytes: &[u8]) -> Result<Headers<'_>, NotAProgram> {
    if bytes.get(..2) != Some(b"MZ") {
        return Err(NotAProgram("it does not begin with MZ"));
    }
    let at = number(bytes, 0x3c, 4)?;
    let header = bytes.get(at..).filter(|header| at <= MAX_HEADER && header.get(..4) == Some(b"PE\0\0"));
    let header = header.ok_or(NotAProgram("no PE signature"))?;
    let architecture = match number(header, 4, 2)? {
        0x8664 => Architecture::X86_64,
        0xaa64 => Architecture::Aarch64,
        _ => return Err(NotAProgram("it is for another machine")),
    };
    let (count, table) = (number(header, 6, 2)?, FILE_HEADER + number(header, 20, 2)?);
    if count > MAX_SECTIONS {
        return Err(NotAProgram("its table of sections has more than 96"));
    }
    let end = table + count * SECTION;
    let sections = header.get(table..end).ok_or(NotAProgram("its table of sections is cut off"))?;
    Ok(Headers { architecture, optional: &header[FILE_HEADER..table], sections, end: at + end })
}

/// Whether firmware loads it.
///
/// # Errors
/// The first thing that firmware would stumble over.
pub fn check<'a>(file: impl Into<Head<'a>>) -> Result<(), NotAProgram> {
    let wrong = |reason| Err(NotAProgram(reason));
    let file = file.into();
    let Headers { optional, sections, end, .. } = headers(file.bytes)?;
    if number(optional, 0, 2)? != usize::from(MAGIC) {
        return wrong("its optional header is of another kind");
    }
    if number(optional, 68, 2)? != usize::from(APPLICATION) {
        return wrong("it is no EFI application");
    }
    let directories = number(optional, 108, 4)?;
    if directories > MAX_DIRECTORIES || optional.len() != FIXED + directories * DIRECTORY {
        return wrong("its directories do not fit its optional header");
    }
    if sections.is_empty() {
        return wrong("its table of sections is empty");
    }
    let (image, headers) = (number(optional, 56, 4)?, number(optional, 60, 4)?);
    Layout { image, headers, entry: number(optional, 16, 4)?, file: file.length }.check(end, sections)
}

/// Whether firmware of a machine with this architecture, as manifests name it, loads it.
///
/// # Errors
/// The first thing that firmware would stumble over.
pub fn check_for<'a>(file: impl Into<Head<'a>>, arch: &str) -> Result<(), NotAProgram> {
    let file = file.into();
    let its = match headers(file.bytes)?.architecture {
        Architecture::X86_64 => "x86_64",
        Architecture::Aarch64 => "aarch64",
    };
    if its == arch { check(file) } else { Err(NotAProgram("it is for another machine")) }
}

/// Sizes in bytes, as the headers have them.
struct Layout {
    image: usize,
    headers: usize,
    entry: usize,
    file: usize,
}

impl Layout {
    fn check(&self, end_of_table: usize, table: &[u8]) -> Result<(), NotAProgram> {
        if self.headers < end_of_table || self.headers > self.file || self.headers >= self.image {
            return Err(NotAProgram("its headers have another size than they say"));
        }
        table.chunks_exact(SECTION).try_for_each(|section| self.section(section))?;
        let holds_entry = |section: &[u8]| {
            let (size, address) = (number(section, 8, 4).unwrap_or(0), number(section, 12, 4).unwrap_or(0));
            self.entry >= address && self.entry < address.saturating_add(size)
        };
        match table.chunks_exact(SECTION).any(holds_entry) {
            true => Ok(()),
            false => Err(NotAProgram("it begins outside of its sections")),
        }
    }

    fn section(&self, section: &[u8]) -> Result<(), NotAProgram> {
        let (size, address) = (number(section, 8, 4)?, number(section, 12, 4)?);
        let (raw, at) = (number(section, 16, 4)?, number(section, 20, 4)?);
        if raw > 0 && (at < self.headers || at.saturating_add(raw) > self.file) {
            return Err(NotAProgram("a section lies outside of the file"));
        }
        match address.saturating_add(size) > self.image {
            true => Err(NotAProgram("a section lies outside of the image")),
            false => Ok(()),
        }
    }
}

/// A number of at most four bytes, least significant first.
pub(crate) fn number(bytes: &[u8], at: usize, length: usize) -> Result<usize, NotAProgram> {
    let field = bytes.get(at..at.saturating_add(length)).ok_or(NotAProgram("it is cut off"))?;
    Ok(field.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte)))
}

#[cfg(test)]
#[path = "pe_tests.rs"]
mod tests;
