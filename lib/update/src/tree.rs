//! The hash tree of dm-verity (`Documentation/admin-guide/device-mapper/verity.rst`, Linux 6.12; format 1).

/// Bytes of a tree over so many data blocks: superblock, then the levels from the top down, in blocks of 4096 bytes.
pub fn length(data_blocks: u64) -> u64 {
    let mut blocks = 1;
    let mut level = data_blocks;
    while level > 1 {
        level = level.div_ceil(HASHES_IN_BLOCK);
        blocks += level;
    }
    blocks * ampoule_layout::BLOCK_SIZE
}

/// SHA-256 hashes in a block.
const HASHES_IN_BLOCK: u64 = ampoule_layout::BLOCK_SIZE / 32;
