//! Kernel images and other programs of the boot partition, as files: what is looked at is read, and the rest is never held. An image may be as large as the memory that this service has.

use crate::error::UpdateError;
use crate::esp::Bootable;
use ampoule_layout::RootHash;
use ampoule_update::loader::Image;
use ampoule_update::manifest::MAX_BOOT;
use ampoule_update::pe::{Head, MAX_HEAD};
use ampoule_update::uki::{self, Places, Uki, UkiError};
use semver::Version;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;

/// Bytes held at once of what is hashed or copied.
const PIECE: usize = 64 * 1024;

/// A program in a file.
#[derive(Debug)]
pub(crate) struct Program {
    file: File,
    length: usize,
    head: Vec<u8>,
}

impl Program {
    /// Reads its head.
    pub(crate) fn open(file: File) -> io::Result<Self> {
        let length = to_usize(file.metadata()?.len().min(MAX_BOOT));
        let head = read(&file, 0..length.min(MAX_HEAD))?;
        Ok(Self { file, length, head })
    }

    pub(crate) fn head(&self) -> Head<'_> {
        Head { bytes: &self.head, length: self.length }
    }
}

/// A kernel image in a file.
#[derive(Debug)]
pub(crate) struct KernelImage {
    program: Program,
    places: Places,
    command_line: Vec<u8>,
    os_release: Vec<u8>,
}

impl KernelImage {
    /// Reads what it says of itself. `name` is what errors call it.
    pub(crate) fn open(name: &str, file: File) -> Result<Self, UpdateError> {
        let unreadable = |source| UpdateError::Image { name: name.to_owned(), source };
        let program = Program::open(file).map_err(unreadable)?;
        let places = Places::of(program.head()).map_err(|source| UpdateError::Uki { name: name.to_owned(), source })?;
        let part = |place: &Range<usize>| read(&program.file, place.clone()).map_err(unreadable);
        let (command_line, os_release) = (part(&places.command_line)?, part(&places.os_release)?);
        Ok(Self { program, places, command_line, os_release })
    }

    fn uki(&self) -> Result<Uki<'_>, UkiError> {
        Uki::of(&self.places, &self.command_line, &self.os_release)
    }

    /// The root that it starts.
    pub(crate) fn root_hash(&self) -> Result<RootHash, UkiError> {
        self.uki()?.root_hash()
    }

    /// What can be started of it, if firmware starts it and the stub its kernel.
    pub(crate) fn bootable(&self, name: &str, version: Version) -> Result<Bootable, UpdateError> {
        let wrong = |source| UpdateError::Uki { name: name.to_owned(), source };
        uki::image_starts(self.program.head()).map_err(wrong)?;
        let place = &self.places.kernel;
        let head = read(&self.program.file, place.start..place.end.min(place.start + MAX_HEAD));
        let head = head.map_err(|source| UpdateError::Image { name: name.to_owned(), source })?;
        uki::kernel_starts(Head { bytes: &head, length: place.len() }).map_err(wrong)?;
        let uki = self.uki().map_err(wrong)?;
        let root = uki.root().map_err(wrong)?;
        Ok(Bootable { image: Image { version, order: uki.order() }, root_hash: root.root_hash, blocks: root.blocks })
    }

    /// The kernel in it.
    pub(crate) fn into_kernel(self) -> Kernel {
        Kernel { file: self.program.file, place: self.places.kernel }
    }
}

/// A kernel inside of an image.
#[derive(Debug)]
pub(crate) struct Kernel {
    file: File,
    place: Range<usize>,
}

impl Kernel {
    /// Its length in bytes.
    pub(crate) fn length(&self) -> u64 {
        self.place.len() as u64
    }

    /// Its SHA-256, in hexadecimal.
    pub(crate) fn sha256(&self) -> io::Result<String> {
        let mut hasher = Sha256::new();
        self.pieces(|piece| {
            hasher.update(piece);
            Ok(())
        })?;
        Ok(ampoule_base::hex(&hasher.finalize()))
    }

    /// Writes it to where `to` is.
    pub(crate) fn copy(&self, to: &mut impl Write) -> io::Result<()> {
        self.pieces(|piece| to.write_all(piece))
    }

    fn pieces(&self, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let mut piece = vec![0; PIECE];
        for start in self.place.clone().step_by(PIECE) {
            let length = PIECE.min(self.place.end - start);
            self.file.read_exact_at(&mut piece[..length], start as u64)?;
            take(&piece[..length])?;
        }
        Ok(())
    }
}

fn read(file: &File, place: Range<usize>) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; place.len()];
    file.read_exact_at(&mut bytes, place.start as u64)?;
    Ok(bytes)
}

fn to_usize(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
