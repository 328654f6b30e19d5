use proptest::prelude::*;

use super::*;
use crate::tree::tests::make;
use crate::tree::{BLOCK, Tree};

/// An image of one block for each number; 0 is a block of zeros.
fn image(numbers: &[u8]) -> Vec<u8> {
    numbers.iter().flat_map(|number| [*number; BLOCK]).collect()
}

fn tree(data: &[u8]) -> Tree {
    let (bytes, root) = make(data);
    Tree::verify(bytes, root, (data.len() / BLOCK) as u64).expect("a tree")
}

/// Carries out a plan on images in memory; every block is checked before it is written, as a node does.
fn carry_out(plan: &Plan, running: &[u8], new: &[u8], idle: &mut [u8], tree: &Tree) {
    let mut fetched = vec![None; new.len() / BLOCK];
    for range in &plan.ranges {
        let (offset, length) = range.bytes();
        for (i, block) in new[offset as usize..(offset + length) as usize].chunks(BLOCK).enumerate() {
            fetched[range.start as usize + i] = Some(block.to_vec());
        }
    }
    for run in &plan.runs {
        for i in 0..run.blocks as usize {
            let block = run.start as usize + i;
            let bytes = match run.action {
                Action::Keep => idle[block * BLOCK..][..BLOCK].to_vec(),
                Action::Zero => vec![0; BLOCK],
                Action::Copy { from } => running[(from as usize + i) * BLOCK..][..BLOCK].to_vec(),
                Action::Fetch => fetched[block].clone().expect("every missing block is in a range"),
            };
            assert!(tree.matches(block as u64, &bytes), "block {block}: {:?}", run.action);
            idle[block * BLOCK..][..BLOCK].copy_from_slice(&bytes);
        }
    }
}

#[test]
fn what_lies_together_is_copied_together() {
    let (running, new) = (image(&[1, 2, 3, 1, 2, 9]), image(&[7, 1, 2, 9, 0, 0, 1, 2, 3]));
    let index = Index::new(tree(&running).leaves());
    let plan = plan(&tree(&new), &index, &Bitmap::new(9), Limits::default());
    let run = |start, blocks, action| Run { start, blocks, action };
    let expected = [
        run(0, 1, Action::Fetch),
        run(1, 2, Action::Copy { from: 0 }),
        run(3, 1, Action::Copy { from: 5 }),
        run(4, 2, Action::Zero),
        run(6, 3, Action::Copy { from: 0 }),
    ];
    assert_eq!(plan.runs, expected);
    assert_eq!((plan.ranges.as_slice(), plan.missing(), plan.copied()), (&[Range { start: 0, blocks: 1 }][..], 1, 6));
}

#[test]
fn requests_are_joined_over_small_gaps_and_cut_when_long() {
    let new: Vec<u8> = (1..=20).collect();
    let have = image(&[4, 5, 10, 11, 12]);
    let index = Index::new(tree(&have).leaves());
    let plan = plan(&tree(&image(&new)), &index, &Bitmap::new(20), Limits { gap: 2, longest: 8 });
    let ranges: Vec<_> = plan.ranges.iter().map(|range| (range.start, range.blocks)).collect();
    assert_eq!(ranges, [(0, 8), (8, 1), (12, 8)]);
}

#[test]
fn a_slot_of_a_gibibyte_stays_under_32_mib() {
    let blocks = crate::manifest::MAX_ROOT_BLOCKS;
    let leaf = |block: u64| {
        let mut leaf = [0; 32];
        leaf[..8].copy_from_slice(&block.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        leaf
    };
    let index = Index::new((0..blocks).map(leaf));
    assert!(index.memory() <= 3 << 20, "{}", index.memory());
    // The worst plan: every other block is fetched alone.
    let plan = Plan { runs: vec![Run { start: 0, blocks: 1, action: Action::Fetch }; blocks as usize], ranges: Vec::new() };
    let ranges = blocks as usize / 2 * size_of::<Range>();
    let trees = 2 * crate::tree::length(blocks) as usize;
    let total = trees + index.memory() + plan.memory() + ranges + blocks as usize / 8;
    assert!(total < 32 << 20, "{total}");
}

prop_compose! {
    fn numbers()(numbers in prop::collection::vec(0u8..24, 2..60)) -> Vec<u8> { numbers }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// The plan makes the new image, from any state of progress, and asks for no more than it must.
    #[test]
    fn it_makes_the_new_image(old in numbers(), new in numbers(), done in prop::collection::vec(any::<bool>(), 60), gap in 0u32..5, longest in 0u32..9) {
        let (running, wanted) = (image(&old), image(&new));
        let tree_of_new = tree(&wanted);
        let mut idle = vec![0xee; wanted.len()];
        let mut verified = Bitmap::new(new.len() as u64);
        for block in (0..new.len()).filter(|block| done[*block]) {
            idle[block * BLOCK..][..BLOCK].copy_from_slice(&wanted[block * BLOCK..][..BLOCK]);
            verified.insert(block as u64);
        }
        let plan = plan(&tree_of_new, &Index::new(tree(&running).leaves()), &verified, Limits { gap, longest });
        carry_out(&plan, &running, &wanted, &mut idle, &tree_of_new);
        prop_assert!(idle == wanted);

        let missing = new.iter().enumerate().filter(|(block, number)| !done[*block] && **number != 0 && !old.contains(number)).count() as u64;
        prop_assert_eq!(plan.missing(), missing);
        let gaps = u64::from(gap) * missing.saturating_sub(1);
        prop_assert!(plan.bytes_to_fetch() <= (missing + gaps) * BLOCK as u64);
        prop_assert!(plan.ranges.iter().all(|range| (1..=longest.max(1)).contains(&range.blocks)));
        prop_assert!(plan.ranges.windows(2).all(|pair| pair[0].start + pair[0].blocks <= pair[1].start));
        let total: u32 = plan.runs.iter().map(|run| run.blocks).sum();
        prop_assert_eq!(total as usize, new.len());
    }

    /// And nothing else is taken for it.
    #[test]
    fn progress_is_read_as_it_was_written(blocks in 1u64..300, set in prop::collection::vec(any::<u64>(), 0..50)) {
        let root = ampoule_layout::RootHash::from_bytes([3; 32]);
        let mut bitmap = Bitmap::new(blocks);
        set.iter().for_each(|block| bitmap.insert(block % (blocks + 10)));
        let bytes = bitmap.to_bytes(root);
        prop_assert_eq!(Bitmap::from_bytes(&bytes, root, blocks), Ok(bitmap.clone()));
        prop_assert!(Bitmap::from_bytes(&bytes, root, blocks + 64).is_err());
        prop_assert!(Bitmap::from_bytes(&bytes, ampoule_layout::RootHash::from_bytes([4; 32]), blocks).is_err());
        prop_assert!(Bitmap::from_bytes(&bytes[1..], root, blocks).is_err());
        prop_assert_eq!(bitmap.count(), (0..blocks + 20).filter(|block| bitmap.contains(*block)).count() as u64);
    }
}
