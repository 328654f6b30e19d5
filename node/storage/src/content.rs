//! What lies on a partition, and putting the seed on an empty one.
//!
//! The order makes a power cut harmless: everything but the first block is durable before the first block, which holds
//! the superblock, is written. So a half-written seed has an empty first block and elsewhere only zeros or the seed's own bytes,
//! and that counts as empty at the next boot. Anything else is somebody's data.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
};

/// Bytes of a block of the seed; its file system has this block size.
const BLOCK: usize = 4096;
const CHUNK: usize = 64 * BLOCK;
/// Largest seed read. The builder's has 4 MiB; a larger one only slows the boot.
const MAX_SEED: u64 = 256 * 1024 * 1024;

/// What lies on a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    /// An ext4 file system.
    Ext4(Superblock),
    /// Zeros, or a seed whose writing was interrupted.
    Empty,
    /// Something else. Never written to.
    Foreign(&'static str),
}

/// The part of an ext4 superblock that matters here (Documentation/filesystems/ext4, "Super Block").
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Superblock {
    /// Blocks in the file system.
    pub(crate) blocks: u64,
    /// Bytes in a block.
    pub(crate) block_size: u64,
    /// The kernel found it inconsistent before.
    pub(crate) has_errors: bool,
    /// It counts what each project takes, and can hold projects to limits.
    pub(crate) has_projects: bool,
}

impl Superblock {
    /// From the first block of a partition; `None` if there is no ext2/3/4 magic.
    pub(crate) fn parse(first: &[u8; BLOCK]) -> Option<Self> {
        const HAS_ERRORS: u16 = 2;
        const WIDE: u32 = 0x80;
        /// `quota` and `project` of the features that an old kernel may not write to.
        const PROJECTS: u32 = 0x100 | 0x2000;
        let at = |offset: usize| u32::from_le_bytes([0, 1, 2, 3].map(|i| first[1024 + offset + i]));
        let half = |offset: usize| u16::from_le_bytes([0, 1].map(|i| first[1024 + offset + i]));
        let log_size = at(24);
        if half(56) != 0xef53 || log_size > 6 {
            return None;
        }
        let high = if at(96) & WIDE != 0 { u64::from(at(336)) << 32 } else { 0 };
        Some(Self {
            blocks: u64::from(at(4)) | high,
            block_size: 1024 << log_size,
            has_errors: half(58) & HAS_ERRORS != 0,
            // The inode of projects' quotas: features alone could be those of users and groups.
            has_projects: at(100) & PROJECTS == PROJECTS && at(620) != 0,
        })
    }

    /// Length of the file system in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.blocks.saturating_mul(self.block_size)
    }
}

/// Looks at `device`; `seed` is needed to know an interrupted first boot.
pub(crate) fn look(device: &mut File, seed: &mut File) -> io::Result<Content> {
    let mut first = [0; BLOCK];
    device.seek(SeekFrom::Start(0))?;
    device.read_exact(&mut first)?;
    if let Some(superblock) = Superblock::parse(&first) {
        return Ok(Content::Ext4(superblock));
    }
    if !is_zero(&first) {
        return Ok(Content::Foreign("no ext4 file system"));
    }
    let untouched = chunks_agree(device, seed)?;
    Ok(if untouched { Content::Empty } else { Content::Foreign("an empty first block, but data after it") })
}

/// Whether each block of `device` as far as the seed goes is zeros or the seed's.
fn chunks_agree(device: &mut File, seed: &mut File) -> io::Result<bool> {
    device.seek(SeekFrom::Start(0))?;
    seed.seek(SeekFrom::Start(0))?;
    let (mut on_disk, mut wanted) = (vec![0; CHUNK], vec![0; CHUNK]);
    loop {
        let length = read_full(seed, &mut wanted)?;
        if length == 0 {
            return Ok(true);
        }
        let have = read_full(device, &mut on_disk[..length])?;
        let pairs = on_disk[..have].chunks(BLOCK).zip(wanted[..length].chunks(BLOCK));
        if !pairs.into_iter().all(|(disk, seed)| is_zero(disk) || disk == seed) {
            return Ok(false);
        }
    }
}

/// The superblock of the seed; `None` if it is not one.
pub(crate) fn seed_superblock(seed: &mut File) -> io::Result<Option<Superblock>> {
    let mut first = [0; BLOCK];
    seed.seek(SeekFrom::Start(0))?;
    seed.read_exact(&mut first)?;
    let usable = |sb: &Superblock| sb.block_size == BLOCK as u64 && sb.bytes() <= MAX_SEED;
    Ok(Superblock::parse(&first).filter(usable))
}

/// Writes the seed over an empty device, whose first bytes (as many as the file system has) `zero` makes zeros first.
pub(crate) fn write_seed(device: &mut File, seed: &mut File, zero: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
    zero(device)?;
    let mut chunk = vec![0; CHUNK];
    let mut first = Vec::new();
    let mut offset = 0;
    seed.seek(SeekFrom::Start(0))?;
    loop {
        let length = read_full(seed, &mut chunk)?;
        if length == 0 {
            break;
        }
        if offset == 0 {
            first = chunk[..BLOCK.min(length)].to_vec();
            chunk[..BLOCK.min(length)].fill(0);
        }
        write_blocks(device, offset, &chunk[..length])?;
        offset += length as u64;
    }
    device.sync_all()?;
    device.seek(SeekFrom::Start(0))?;
    device.write_all(&first)?;
    device.sync_all()
}

/// Only the blocks that are not zeros: the others are zeros already.
fn write_blocks(device: &mut File, offset: u64, bytes: &[u8]) -> io::Result<()> {
    for (index, block) in bytes.chunks(BLOCK).enumerate().filter(|(_, block)| !is_zero(block)) {
        device.seek(SeekFrom::Start(offset + (index * BLOCK) as u64))?;
        device.write_all(block)?;
    }
    Ok(())
}

fn read_full(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..])? {
            0 => break,
            length => filled += length,
        }
    }
    Ok(filled)
}

fn is_zero(bytes: &[u8]) -> bool {
    // Compared in large pieces: byte by byte takes a tenth of a second per partition on an emulated machine.
    const ZEROS: [u8; BLOCK] = [0; BLOCK];
    bytes.chunks(BLOCK).all(|piece| *piece == ZEROS[..piece.len()])
}

#[cfg(test)]
#[path = "content_tests.rs"]
mod tests;
