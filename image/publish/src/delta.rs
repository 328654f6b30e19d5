//! What a node that runs one image fetches for another one, before anyone publishes it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};

use ampoule_layout::{BLOCK_SIZE, RootHash};
use ampoule_update::delta::{Action, Bitmap, Index, Limits, Plan, plan};
use anyhow::{Context, Result};
use serde::Serialize;

use crate::erofs;
use crate::image::Parts;
use crate::uki;
use crate::verify;

/// What a node fetches. All lengths in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct DeltaReport {
    /// Blocks of the new root.
    pub blocks: u64,
    /// Those that the node has nowhere.
    pub missing_blocks: u64,
    /// Requests for them, joined over small gaps.
    pub requests: u64,
    /// What these requests bring: the missing blocks and the gaps between them.
    pub root: u64,
    /// The hash tree.
    pub tree: u64,
    /// What is fetched of the kernel image: all but the kernel, if the node has the same one.
    pub kernel_image: u64,
    /// The boot loader, which comes whole with each version.
    pub loader: u64,
    /// Signed metadata and manifest; nothing for images that are in no repository.
    pub metadata: u64,
    /// All of it.
    pub total: u64,
    /// Root, kernel image, loader and tree as they are: what is fetched without this.
    pub full: u64,
    /// The same, packed with zstd at its default level; missing if there is no such program.
    pub full_zstd: Option<u64>,
    /// Missing blocks that hold no file: inodes, directories, the superblock.
    pub metadata_blocks: u64,
    /// Files with missing blocks, most first. A block that two files share counts for both.
    pub files: Vec<FileDelta>,
}

impl DeltaReport {
    /// The same, with the metadata of a repository.
    #[must_use]
    pub fn with_metadata(self, metadata: u64) -> Self {
        Self { metadata, total: self.total - self.metadata + metadata, ..self }
    }
}

/// A file of the new root that the node does not have whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FileDelta {
    /// Path on the node.
    pub path: String,
    /// The old root has no file of this name.
    pub new: bool,
    /// Length as a program reads it, in bytes.
    pub size: u64,
    /// Blocks that hold it.
    pub blocks: u64,
    /// Those that the node has nowhere.
    pub missing_blocks: u64,
}

/// What a node with the image `old` fetches for `new`.
///
/// # Errors
/// A file is missing or damaged, or `dump.erofs` is.
pub fn delta_report(old: &Parts, new: &Parts) -> Result<DeltaReport> {
    delta_between((old, started(old)?), (new, started(new)?))
}

/// The root of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Root {
    /// Root of its hash tree.
    pub root_hash: RootHash,
    /// Its data blocks.
    pub blocks: u64,
}

/// As [`delta_report`], for files whose kernel images need not start these roots.
///
/// # Errors
/// As [`delta_report`].
pub fn delta_between((old, old_root): (&Parts, Root), (new, new_root): (&Parts, Root)) -> Result<DeltaReport> {
    let plan = plan_of((old, old_root), (new, new_root))?;
    let missing = missing(&plan);
    let length = |path: &Path| -> Result<u64> { Ok(std::fs::metadata(path)?.len()) };
    let (tree, kernel_image) = (length(&new.hash)?, uki::fetched(&std::fs::read(&old.boot)?, &std::fs::read(&new.boot)?));
    let loader = if new.loader.is_file() { length(&new.loader)? } else { 0 };
    let whole = [&new.root, &new.hash, &new.boot, &new.loader];
    let there = whole.into_iter().filter(|path| path.is_file());
    let full = there.clone().map(|path| length(path)).sum::<Result<u64>>()?;
    let full_zstd = there.map(|path| zstd(path)).sum::<Option<u64>>();
    let (files, metadata_blocks) = per_file(old, new, &missing)?;
    let root = plan.bytes_to_fetch();
    Ok(DeltaReport {
        blocks: length(&new.root)? / BLOCK_SIZE,
        missing_blocks: plan.missing(),
        requests: plan.ranges.len() as u64,
        root,
        tree,
        kernel_image,
        loader,
        metadata: 0,
        total: root + tree + kernel_image + loader,
        full,
        full_zstd,
        metadata_blocks,
        files,
    })
}

/// The plan of a node whose idle slot is empty.
fn plan_of((old, old_root): (&Parts, Root), (new, new_root): (&Parts, Root)) -> Result<Plan> {
    let tree = |parts: &Parts, root: Root| verify::tree(&parts.hash, root.root_hash, root.blocks);
    let (running, wanted) = (Index::new(tree(old, old_root)?.leaves()), tree(new, new_root)?);
    Ok(plan(&wanted, &running, &Bitmap::new(wanted.data_blocks()), Limits::default()))
}

/// The root that an image's kernel image starts.
fn started(parts: &Parts) -> Result<Root> {
    let boot = std::fs::read(&parts.boot).with_context(|| format!("cannot read {}", parts.boot.display()))?;
    let table = uki::root(&boot).with_context(|| format!("{} is no kernel image of ours", parts.boot.display()))?;
    Ok(Root { root_hash: table.root_hash, blocks: table.blocks })
}

fn missing(plan: &Plan) -> BTreeSet<u64> {
    let fetched = plan.runs.iter().filter(|run| run.action == Action::Fetch);
    fetched.flat_map(|run| (0..run.blocks).map(|i| u64::from(run.start + i))).collect()
}

fn per_file(old: &Parts, new: &Parts, missing: &BTreeSet<u64>) -> Result<(Vec<FileDelta>, u64)> {
    let known: BTreeMap<String, u64> = erofs::files(&old.root)?.into_iter().map(|file| (file.path, file.size)).collect();
    let mut left = missing.clone();
    let mut files = Vec::new();
    for file in erofs::files(&new.root)? {
        let blocks: BTreeSet<u64> = file.extents.iter().flat_map(|(from, length)| blocks_of(*from, *length)).collect();
        let gone = blocks.intersection(missing).count() as u64;
        // A file of some bytes lies beside its inode; that block is the file system's own.
        if blocks.len() > 1 || file.size > BLOCK_SIZE / 2 {
            left.retain(|block| !blocks.contains(block));
        }
        if gone > 0 {
            let new = !known.contains_key(&file.path);
            files.push(FileDelta { new, path: file.path, size: file.size, blocks: blocks.len() as u64, missing_blocks: gone });
        }
    }
    files.sort_by(|a, b| b.missing_blocks.cmp(&a.missing_blocks).then_with(|| a.path.cmp(&b.path)));
    Ok((files, left.len() as u64))
}

fn blocks_of(from: u64, length: u64) -> std::ops::Range<u64> {
    from / BLOCK_SIZE..(from + length).div_ceil(BLOCK_SIZE)
}

/// Length of a file after `zstd`, if there is that program.
fn zstd(path: &Path) -> Option<u64> {
    let output = Command::new("zstd").args(["-q", "-c", "-T1"]).arg(path).stderr(Stdio::null()).output().ok()?;
    output.status.success().then_some(output.stdout.len() as u64)
}
