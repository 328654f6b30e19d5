//! The device-mapper table of a verified root, in the grammar of the kernel's `dm-mod.create=`
//! (`Documentation/admin-guide/device-mapper/dm-init.rst` and `verity.rst`, Linux 6.12).

use crate::{Guid, GuidError, HashError, RootHash};
use std::fmt;
use std::str::FromStr;

/// Size of data and hash blocks, in bytes: the page size, which the kernel's page cache and EROFS use too.
pub const BLOCK_SIZE: u64 = 4096;

/// Salt of every hash tree, in hexadecimal. It is fixed so that equal blocks of two versions have equal hashes, which is
/// what an update compares; a salt that changes would only slow down someone who searches for collisions in SHA-256.
pub const SALT: &str = "616d706f756c6520766572697479207631000000000000000000000000000000";

const SECTOR: u64 = 512;

/// A root on dm-verity that the kernel sets up by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerityTable {
    /// Partition with the data.
    pub data: Guid,
    /// Partition with the hash tree; its first block is the superblock.
    pub tree: Guid,
    /// Number of data blocks of [`BLOCK_SIZE`].
    pub blocks: u64,
    /// Root of the tree.
    pub root_hash: RootHash,
}

/// The text is not a table of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// A word is missing, superfluous or not the one that must stand there.
    #[error("device-mapper table: expected {expected}, found {found:?}")]
    Word {
        /// What must stand there.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// A partition is not named by a GUID.
    #[error("device-mapper table: {0}")]
    Guid(#[from] GuidError),
    /// The root hash is none.
    #[error("device-mapper table: {0}")]
    Hash(#[from] HashError),
}

impl VerityTable {
    /// The table for an image of `blocks` blocks whose partitions carry the halves of `root_hash`.
    pub fn for_image(root_hash: RootHash, blocks: u64) -> Self {
        Self { data: root_hash.root_partition(), tree: root_hash.verity_partition(), blocks, root_hash }
    }
}

impl fmt::Display for VerityTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { data, tree, blocks, root_hash } = self;
        let sectors = blocks.saturating_mul(BLOCK_SIZE / SECTOR);
        write!(
            f,
            "root,,,ro,0 {sectors} verity 1 PARTUUID={data} PARTUUID={tree} {BLOCK_SIZE} {BLOCK_SIZE} {blocks} 1 sha256 \
             {root_hash} {SALT} 1 panic_on_corruption"
        )
    }
}

impl FromStr for VerityTable {
    type Err = TableError;

    fn from_str(text: &str) -> Result<Self, TableError> {
        let mut words = text.split(' ');
        let mut next = || words.next().unwrap_or("");
        exactly("root,,,ro,0", next())?;
        let sectors = number("a number of sectors", next())?;
        exactly("verity", next())?;
        exactly("1", next())?;
        let (data, tree) = (partition(next())?, partition(next())?);
        exactly("4096", next())?;
        exactly("4096", next())?;
        let blocks = number("a number of blocks", next())?;
        exactly("1", next())?;
        exactly("sha256", next())?;
        let root_hash = next().parse()?;
        for word in [SALT, "1", "panic_on_corruption", ""] {
            exactly(word, next())?;
        }
        match sectors == blocks.saturating_mul(BLOCK_SIZE / SECTOR) {
            true => Ok(Self { data, tree, blocks, root_hash }),
            false => Err(word("eight sectors for each block", &sectors.to_string())),
        }
    }
}

fn word(expected: &'static str, found: &str) -> TableError {
    TableError::Word { expected, found: found.chars().take(80).collect() }
}

fn exactly(expected: &'static str, found: &str) -> Result<(), TableError> {
    if found == expected { Ok(()) } else { Err(word(expected, found)) }
}

fn number(expected: &'static str, found: &str) -> Result<u64, TableError> {
    found.parse().map_err(|_| word(expected, found))
}

fn partition(found: &str) -> Result<Guid, TableError> {
    let guid = found.strip_prefix("PARTUUID=").ok_or_else(|| word("PARTUUID=…", found))?;
    Ok(guid.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_table_is_what_the_kernel_documents() {
        let table = VerityTable::for_image(RootHash::from_bytes([0xab; 32]), 3).to_string();
        assert!(table.starts_with("root,,,ro,0 24 verity 1 PARTUUID=abababab-abab-abab-abab-abababababab PARTUUID="), "{table}");
        assert!(table.contains(" 4096 4096 3 1 sha256 abab"), "{table}");
        assert!(table.ends_with(" 1 panic_on_corruption"), "{table}");
    }

    #[test]
    fn a_table_without_panic_is_refused() {
        let table = VerityTable::for_image(RootHash::from_bytes([1; 32]), 3).to_string();
        assert!(table.replace(" 1 panic_on_corruption", "").parse::<VerityTable>().is_err());
        assert!(format!("{table} ignore_corruption").parse::<VerityTable>().is_err());
        assert!(table.replace("0 24 ", "0 16 ").parse::<VerityTable>().is_err());
    }

    proptest! {
        #[test]
        fn what_is_printed_parses(hash: [u8; 32], blocks in 0u64..u64::MAX / 8) {
            let table = VerityTable::for_image(RootHash::from_bytes(hash), blocks);
            prop_assert_eq!(table.to_string().parse::<VerityTable>(), Ok(table));
        }

        #[test]
        fn any_text_is_answered(text in "\\PC{0,200}") {
            let _ = text.parse::<VerityTable>();
        }
    }
}
