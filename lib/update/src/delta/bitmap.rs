//! Which blocks of the idle slot are written and verified; survives a restart as a file.

use ampoule_layout::RootHash;

use crate::manifest::MAX_ROOT_BLOCKS;

const MAGIC: &[u8; 8] = b"AMPPROG1";
const HEADER: usize = 8 + 64 + 8;

/// A bit for each block of the new root.
///
/// It may only be stored after the blocks that it speaks of are durable. What it says is checked in the end, when the whole slot is
/// read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bitmap {
    words: Vec<u64>,
    blocks: u64,
}

/// The file does not speak of this image. Everything is done anew.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BitmapError {
    /// Its length or beginning is wrong.
    #[error("the record of the progress is damaged")]
    Damaged,
    /// It is of another image.
    #[error("the record of the progress is of another image")]
    Other,
}

impl Bitmap {
    /// Nothing is verified yet. Blocks beyond [`MAX_ROOT_BLOCKS`] are not counted.
    pub fn new(blocks: u64) -> Self {
        let blocks = blocks.min(MAX_ROOT_BLOCKS);
        Self { words: vec![0; blocks.div_ceil(64) as usize], blocks }
    }

    /// Number of blocks it speaks of.
    pub fn blocks(&self) -> u64 {
        self.blocks
    }

    /// Whether the block is written and verified.
    pub fn contains(&self, block: u64) -> bool {
        block < self.blocks && self.words[(block / 64) as usize] >> (block % 64) & 1 == 1
    }

    /// The block is written and verified.
    pub fn insert(&mut self, block: u64) {
        if block < self.blocks {
            self.words[(block / 64) as usize] |= 1 << (block % 64);
        }
    }

    /// The block was found to be wrong.
    pub fn remove(&mut self, block: u64) {
        if block < self.blocks {
            self.words[(block / 64) as usize] &= !(1 << (block % 64));
        }
    }

    /// How many blocks are verified.
    pub fn count(&self) -> u64 {
        self.words.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// Whether all blocks are verified.
    pub fn is_full(&self) -> bool {
        self.count() == self.blocks
    }

    /// As a file: a magic word, the root hash of the image, the number of blocks, the bits.
    pub fn to_bytes(&self, root_hash: RootHash) -> Vec<u8> {
        let mut bytes = [&MAGIC[..], root_hash.to_string().as_bytes(), &self.blocks.to_le_bytes()].concat();
        self.words.iter().for_each(|word| bytes.extend(word.to_le_bytes()));
        bytes
    }

    /// Reads what [`Self::to_bytes`] wrote for the image with this root hash and number of blocks.
    ///
    /// # Errors
    /// If it is damaged or of another image.
    pub fn from_bytes(bytes: &[u8], root_hash: RootHash, blocks: u64) -> Result<Self, BitmapError> {
        let mut bitmap = Self::new(blocks);
        if bytes.len() != HEADER + 8 * bitmap.words.len() || &bytes[..8] != MAGIC {
            return Err(BitmapError::Damaged);
        }
        if &bytes[8..72] != root_hash.to_string().as_bytes() || bytes[72..80] != blocks.to_le_bytes() {
            return Err(BitmapError::Other);
        }
        let word = |chunk: &[u8]| chunk.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        bitmap.words = bytes[HEADER..].chunks_exact(8).map(word).collect();
        let beyond = bitmap.words.last().is_some_and(|last| !blocks.is_multiple_of(64) && last >> (blocks % 64) != 0);
        if beyond { Err(BitmapError::Damaged) } else { Ok(bitmap) }
    }
}
