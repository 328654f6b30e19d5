//! Whether the files of an image belong together, as the node, its firmware and its kernel will see it.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use ampoule_layout::RootHash;
use ampoule_update::pe;
use ampoule_update::tree::{BLOCK, Tree};
use anyhow::{Context, Result, ensure};

use crate::image::Parts;
use crate::uki;

/// Proves the tree against the root hash, every block of the root against the tree, that the kernel image starts this root, and that the boot loader is a
/// program for machines with this architecture.
pub(crate) fn image(parts: &Parts, arch: &str, root_hash: RootHash, blocks: u64) -> Result<()> {
    let tree = tree(&parts.hash, root_hash, blocks)?;
    root(&parts.root, &tree)?;
    kernel_image(&parts.boot, root_hash, blocks)?;
    boot_loader(&parts.loader, arch)
}

/// The tree in a file, whole and verified.
pub(crate) fn tree(path: &Path, root_hash: RootHash, blocks: u64) -> Result<Tree> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Tree::verify(bytes, root_hash, blocks).with_context(|| format!("{} does not belong to the root hash {root_hash}", path.display()))
}

fn root(path: &Path, tree: &Tree) -> Result<()> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let length = file.metadata()?.len();
    ensure!(
        length == tree.data_blocks() * BLOCK as u64,
        "{} has {length} bytes, the tree speaks of {} blocks",
        path.display(),
        tree.data_blocks()
    );
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let mut block = vec![0; BLOCK];
    for number in 0..tree.data_blocks() {
        reader.read_exact(&mut block)?;
        ensure!(tree.matches(number, &block), "block {number} of {} is not the one that the tree names", path.display());
    }
    Ok(())
}

fn kernel_image(path: &Path, root_hash: RootHash, blocks: u64) -> Result<()> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let table = uki::root(&bytes).with_context(|| format!("{} is no kernel image of ours", path.display()))?;
    ensure!(table.root_hash == root_hash, "{} starts the root {}, not {root_hash}", path.display(), table.root_hash);
    ensure!(table.blocks == blocks, "{} starts a root of {} blocks, not {blocks}", path.display(), table.blocks);
    Ok(())
}

fn boot_loader(path: &Path, arch: &str) -> Result<()> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    pe::check_for(&bytes[..], arch).with_context(|| format!("{} is no boot loader for {arch}", path.display()))
}
