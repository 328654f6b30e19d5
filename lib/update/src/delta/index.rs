//! Where a block with a given hash lies in the running root.

use crate::tree::HASH;

/// First eight bytes of each leaf of the running root, sorted, and the block that has it: twelve bytes for each block.
///
/// Eight bytes are enough for a hint: two of a million blocks share them with a chance of one in thirty million, and such a block is
/// then found to be wrong when it is checked, and fetched.
#[derive(Debug, Default)]
pub struct Index {
    prefixes: Vec<u64>,
    blocks: Vec<u32>,
}

impl Index {
    /// From the leaves of the running root in the order of their blocks; those beyond 2³² are left out.
    pub fn new(leaves: impl Iterator<Item = [u8; HASH]>) -> Self {
        let mut pairs: Vec<(u64, u32)> = leaves.zip(0..=u32::MAX).map(|(leaf, block)| (prefix(&leaf), block)).collect();
        pairs.sort_unstable();
        Self { prefixes: pairs.iter().map(|pair| pair.0).collect(), blocks: pairs.iter().map(|pair| pair.1).collect() }
    }

    /// A block that probably has this hash; `next` if that is one of several, so that what lies together is read together.
    pub fn find(&self, leaf: &[u8; HASH], next: u32) -> Option<u32> {
        let wanted = prefix(leaf);
        let start = self.prefixes.partition_point(|prefix| *prefix < wanted);
        let same = self.prefixes[start..].partition_point(|prefix| *prefix == wanted);
        let candidates = &self.blocks[start..start + same];
        match candidates.binary_search(&next) {
            Ok(_) => Some(next),
            Err(_) => candidates.first().copied(),
        }
    }

    /// Number of blocks it knows.
    pub fn len(&self) -> usize {
        self.blocks.len()
    }

    /// Whether it knows none.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Bytes that it takes in memory.
    pub fn memory(&self) -> usize {
        self.prefixes.capacity() * size_of::<u64>() + self.blocks.capacity() * size_of::<u32>()
    }
}

fn prefix(leaf: &[u8; HASH]) -> u64 {
    leaf[..8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}
