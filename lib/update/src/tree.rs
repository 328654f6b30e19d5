//! The hash tree of dm-verity (`Documentation/admin-guide/device-mapper/verity.rst`, Linux 6.12; on-disk format 1 of veritysetup).
//!
//! Block 0 holds the superblock, then come the levels from the top down, each padded to whole blocks. A hash is SHA-256 of
//! the salt and a block.

use ampoule_layout::{BLOCK_SIZE, RootHash, SALT};
use sha2::{Digest, Sha256};

use crate::manifest::{MAX_HASH, MAX_ROOT_BLOCKS, MIN_ROOT_BLOCKS};

/// Bytes of a block.
pub const BLOCK: usize = BLOCK_SIZE as usize;
/// Bytes of a hash.
pub const HASH: usize = 32;

const HASHES_IN_BLOCK: u64 = (BLOCK / HASH) as u64;
const SIGNATURE: &[u8; 8] = b"verity\0\0";

/// Why a tree is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// It is shorter or longer than a tree over this many blocks.
    #[error("the hash tree has {found} bytes instead of {expected}")]
    Length {
        /// Bytes that there are.
        found: usize,
        /// Bytes that a tree over so many blocks has.
        expected: u64,
    },
    /// Its superblock describes another kind of tree than ours.
    #[error("superblock of the hash tree: {field} is not {expected}")]
    Superblock {
        /// Which field.
        field: &'static str,
        /// What it must be.
        expected: String,
    },
    /// A block of it does not have the hash that the level above, or the root hash, says.
    #[error("block {block} of the hash tree is damaged or of another image")]
    Hash {
        /// Which block, counted from the superblock.
        block: u64,
    },
}

/// A tree that belongs to a root hash, whole. Takes its own length in memory: 8.1 MiB for a slot of 1 GiB.
#[derive(Debug)]
pub struct Tree {
    bytes: Vec<u8>,
    leaves: usize,
    data_blocks: u64,
}

/// Bytes of a tree over so many data blocks.
pub fn length(data_blocks: u64) -> u64 {
    (1 + levels(data_blocks).iter().sum::<u64>()) * BLOCK_SIZE
}

/// Blocks of each level, from the top down. A single data block has no tree: its hash is the root.
fn levels(data_blocks: u64) -> Vec<u64> {
    let mut levels = Vec::new();
    let mut count = data_blocks;
    while count > 1 {
        count = count.div_ceil(HASHES_IN_BLOCK);
        levels.push(count);
    }
    levels.reverse();
    levels
}

/// The hash of a data block.
pub fn hash(block: &[u8]) -> [u8; HASH] {
    let mut hasher = Sha256::new();
    hasher.update(salt());
    hasher.update(block);
    hasher.finalize().into()
}

/// The salt's bytes.
pub fn salt() -> [u8; 32] {
    let digit = |c: u8| if c.is_ascii_digit() { c - b'0' } else { (c | 0x20) - b'a' + 10 };
    let digits = SALT.as_bytes();
    std::array::from_fn(|i| (digit(digits[2 * i]) << 4) | digit(digits[2 * i + 1]))
}

impl Tree {
    /// Takes a tree over `data_blocks` blocks if all of it belongs to `root_hash`.
    ///
    /// # Errors
    /// [`TreeError`]; the time is that of hashing the bytes once.
    pub fn verify(bytes: Vec<u8>, root_hash: RootHash, data_blocks: u64) -> Result<Self, TreeError> {
        let expected = length(data_blocks.min(MAX_ROOT_BLOCKS + 1));
        if !(MIN_ROOT_BLOCKS..=MAX_ROOT_BLOCKS).contains(&data_blocks) || expected > MAX_HASH || bytes.len() as u64 != expected {
            return Err(TreeError::Length { found: bytes.len(), expected });
        }
        check_superblock(&bytes[..512], data_blocks)?;
        let leaf_blocks = levels(data_blocks).last().copied().unwrap_or(0) as usize;
        let tree = Self { leaves: bytes.len() - leaf_blocks * BLOCK, bytes, data_blocks };
        tree.check_levels(root_hash).map(|()| tree)
    }

    /// Each block is named by a hash above it: the first by the root hash, the others by the hashes of the level above in their order.
    fn check_levels(&self, root_hash: RootHash) -> Result<(), TreeError> {
        let root = hash_bytes(root_hash);
        let (mut above, mut start) = (&root[..], 1);
        for blocks in levels(self.data_blocks) {
            let level = &self.bytes[start * BLOCK..(start + blocks as usize) * BLOCK];
            for (i, block) in level.chunks_exact(BLOCK).enumerate() {
                if above.get(i * HASH..(i + 1) * HASH) != Some(&hash(block)[..]) {
                    return Err(TreeError::Hash { block: (start + i) as u64 });
                }
            }
            above = level;
            start += blocks as usize;
        }
        Ok(())
    }

    /// Number of data blocks.
    pub fn data_blocks(&self) -> u64 {
        self.data_blocks
    }

    /// The hash that data block `block` must have; `None` beyond the last.
    pub fn leaf(&self, block: u64) -> Option<[u8; HASH]> {
        if block >= self.data_blocks {
            return None;
        }
        let at = self.leaves + usize::try_from(block).ok()? * HASH;
        self.bytes.get(at..at + HASH)?.try_into().ok()
    }

    /// All leaves in the order of their blocks.
    pub fn leaves(&self) -> impl Iterator<Item = [u8; HASH]> {
        (0..self.data_blocks).filter_map(|block| self.leaf(block))
    }

    /// Whether `data` is data block `block`.
    pub fn matches(&self, block: u64, data: &[u8]) -> bool {
        data.len() == BLOCK && self.leaf(block) == Some(hash(data))
    }

    /// The tree as it is written to its partition.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

fn hash_bytes(hash: RootHash) -> Vec<u8> {
    [hash.root_partition().bytes(), hash.verity_partition().bytes()].concat()
}

fn check_superblock(block: &[u8], data_blocks: u64) -> Result<(), TreeError> {
    let salt = salt();
    let size = (BLOCK as u32).to_le_bytes();
    let mut algorithm = [0; 32];
    algorithm[..6].copy_from_slice(b"sha256");
    // Offsets of veritysetup's `struct verity_sb`; the UUID at 16 may be any.
    let fields: [(&str, usize, &[u8], &str); 9] = [
        ("its signature", 0, SIGNATURE, "\"verity\""),
        ("its version", 8, &1u32.to_le_bytes(), "1"),
        ("the type of hash", 12, &1u32.to_le_bytes(), "1"),
        ("the algorithm", 32, &algorithm, "sha256"),
        ("the size of data blocks", 64, &size, "4096"),
        ("the size of hash blocks", 68, &size, "4096"),
        ("the number of data blocks", 72, &data_blocks.to_le_bytes(), ""),
        ("the size of the salt", 80, &32u16.to_le_bytes(), "32"),
        ("the salt", 88, &salt, SALT),
    ];
    for (field, at, bytes, expected) in fields {
        if block.get(at..at + bytes.len()) != Some(bytes) {
            let expected = if expected.is_empty() { data_blocks.to_string() } else { expected.to_owned() };
            return Err(TreeError::Superblock { field, expected });
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "tree_tests.rs"]
pub(crate) mod tests;
