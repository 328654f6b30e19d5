use proptest::prelude::*;

use super::*;

/// A tree made independently: level by level from below, as the kernel's document describes it.
pub(crate) fn make(data: &[u8]) -> (Vec<u8>, RootHash) {
    let blocks = data.len() / BLOCK;
    let mut superblock = vec![0; BLOCK];
    superblock[..8].copy_from_slice(b"verity\0\0");
    superblock[8] = 1;
    superblock[12] = 1;
    superblock[32..38].copy_from_slice(b"sha256");
    superblock[64..68].copy_from_slice(&4096u32.to_le_bytes());
    superblock[68..72].copy_from_slice(&4096u32.to_le_bytes());
    superblock[72..80].copy_from_slice(&(blocks as u64).to_le_bytes());
    superblock[80] = 32;
    superblock[88..120].copy_from_slice(&salt());
    let digest = |block: &[u8]| Sha256::digest([&salt()[..], block].concat()).to_vec();
    let mut hashes: Vec<u8> = data.chunks(BLOCK).flat_map(digest).collect();
    let mut levels = Vec::new();
    while hashes.len() > HASH {
        hashes.resize(hashes.len().next_multiple_of(BLOCK), 0);
        let above = hashes.chunks(BLOCK).flat_map(digest).collect();
        levels.insert(0, std::mem::replace(&mut hashes, above));
    }
    let root = RootHash::from_bytes(hashes.try_into().expect("one hash"));
    (superblock.into_iter().chain(levels.concat()).collect(), root)
}

pub(crate) fn data(blocks: usize) -> Vec<u8> {
    (0..blocks).flat_map(|block| (block as u64 + 1).to_le_bytes().repeat(BLOCK / 8)).collect()
}

/// The tree that `veritysetup format --salt=SALT` (cryptsetup 2.6) makes over `data(300)`; the root hash is what it printed.
const OF_VERITYSETUP: &[u8] = include_bytes!("tree_fixture.verity");
const ITS_ROOT: &str = include_str!("tree_fixture.root");

#[test]
fn a_tree_of_veritysetup_is_taken() {
    let root: RootHash = ITS_ROOT.trim().parse().expect("a hash");
    let tree = Tree::verify(OF_VERITYSETUP.to_vec(), root, 300).expect("its tree");
    let data = data(300);
    assert!((0..300).all(|block| tree.matches(block, &data[block as usize * BLOCK..][..BLOCK])));
    assert_eq!(make(&data).1, root);
}

#[test]
fn lengths_are_those_of_the_format() {
    // The image of a standalone node: 12588 data blocks, 413696 bytes of tree.
    for (blocks, tree) in [(1, 1), (2, 2), (128, 2), (129, 4), (12_588, 101), (1 << 18, 1 + 1 + 16 + 2048)] {
        assert_eq!(length(blocks), tree * BLOCK_SIZE, "{blocks}");
    }
    assert!(length(MAX_ROOT_BLOCKS) < MAX_HASH);
}

#[test]
fn every_block_is_told_from_another() {
    for blocks in [2, 128, 129, 300] {
        let data = data(blocks);
        let (bytes, root) = make(&data);
        assert_eq!(bytes.len() as u64, length(blocks as u64));
        let tree = Tree::verify(bytes, root, blocks as u64).expect("a tree");
        assert_eq!(tree.leaves().count(), blocks);
        assert!(
            !tree.matches(0, &data[BLOCK..2 * BLOCK])
                && !tree.matches(0, &data[..BLOCK - 1])
                && !tree.matches(blocks as u64, &data[..BLOCK])
        );
    }
}

#[test]
fn wrong_sizes_are_refused_before_anything_is_hashed() {
    let (bytes, root) = make(&data(300));
    for blocks in [0, 1, 299, 301, MAX_ROOT_BLOCKS + 1, u64::MAX] {
        assert!(Tree::verify(bytes.clone(), root, blocks).is_err(), "{blocks}");
    }
    for length in [0, 511, 512, bytes.len() - 1] {
        assert!(matches!(Tree::verify(bytes[..length].to_vec(), root, 300), Err(TreeError::Length { .. })), "{length}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is changed behind the fields that are not read, and in those that are: it is seen.
    #[test]
    fn a_flipped_bit_is_seen(at: prop::sample::Index, bit in 0u8..8) {
        let (mut bytes, root) = make(&data(300));
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let read = at >= BLOCK || (at < 16 || (32..82).contains(&at) || (88..120).contains(&at));
        prop_assert_eq!(Tree::verify(bytes, root, 300).is_err(), read);
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..9000), blocks: u64) {
        let _ = Tree::verify(bytes, RootHash::from_bytes([0; 32]), blocks);
    }
}
