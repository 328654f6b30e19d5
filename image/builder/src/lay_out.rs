//! A tree of files as the root of an image, and back, without building one: for measurements and tests.

use crate::cache::Cache;
use crate::disk;
use crate::filesystem;
use crate::manifest::inspect;
use crate::progress::Progress;
use crate::selinux;
use crate::stage::{Made, Stage};
use ampoule_layout::{CommandLine, RootHash, VerityTable};
use anyhow::{Context, ensure};
use std::path::Path;
use std::process::{Command, Stdio};

/// Makes `root.erofs` and `root.verity` from the files below `tree` in the folder `out`, in the way in which those of an image are made from
/// its tree; `repo` is the checkout whose labels they get. Gives the root of the hash tree and the number of its data blocks.
///
/// # Errors
/// A tool fails or is missing, or `out` cannot be written.
pub fn lay_out(repo: &Path, tree: &Path, out: &Path, cache: &Path, progress: &dyn Progress) -> anyhow::Result<(RootHash, u64)> {
    lay_out_labelled(&selinux::file_contexts(repo), tree, out, cache, progress)
}

fn lay_out_labelled(labels: &Path, tree: &Path, out: &Path, cache: &Path, progress: &dyn Progress) -> anyhow::Result<(RootHash, u64)> {
    let cache = Cache::open(cache)?;
    let (root, hash) = (out.join("root.erofs"), out.join("root.verity"));
    let make = |stage: &Stage| {
        filesystem::erofs(tree, labels, &root, stage)?;
        filesystem::verity(&root, &hash, stage).map(Made::now)
    };
    Stage::run(progress, &cache, "layout", "a tree as the root of an image", make)
}

/// Makes the image in the folder `image` once more in the folder `out`, with the files below `tree` as its root; `labels` is a file of file contexts for all of them. A machine
/// that is given kernel and command line boots it; the kernel image on its boot partition is the old one, with the old root hash.
///
/// # Errors
/// A tool fails or is missing, `image` is not whole, or `out` cannot be written.
pub fn with_root(image: &Path, tree: &Path, labels: &Path, out: &Path, cache: &Path, progress: &dyn Progress) -> anyhow::Result<()> {
    let (root_hash, blocks) = lay_out_labelled(labels, tree, out, cache, progress)?;
    for name in ["loader.efi", "ampoule.efi", "vmlinuz"] {
        std::fs::copy(image.join(name), out.join(name)).with_context(|| format!("no {name} in {}", image.display()))?;
    }
    disk::of(out, root_hash, &inspect(image)?.version)?;
    Ok(std::fs::write(out.join("cmdline"), CommandLine::new(VerityTable::for_image(root_hash, blocks)).to_string())?)
}

/// The other way: the files of the root in the file `root`, below the new folder `tree`.
///
/// # Errors
/// `fsck.erofs` is missing, or the file holds no root.
pub fn unpack(root: &Path, tree: &Path) -> anyhow::Result<()> {
    let mut command = Command::new("fsck.erofs");
    let status = command.arg(format!("--extract={}", tree.display())).arg(root).stdout(Stdio::null()).status();
    ensure!(status.context("cannot run fsck.erofs")?.success(), "{} holds no root that can be unpacked", root.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Silent;

    #[test]
    fn a_tree_becomes_a_root_with_its_hash_tree_and_always_the_same() {
        let repo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let dir = tempfile::tempdir().expect("a directory");
        crate::root::place(&dir.path().join("tree"), "usr/bin/x", &[7; 9000]).expect("placed");
        let make = |name: &str| {
            let out = dir.path().join(name);
            std::fs::create_dir(&out).expect("made");
            let laid = lay_out(&repo, &dir.path().join("tree"), &out, &dir.path().join("cache"), &Silent).expect("laid out");
            assert_eq!(std::fs::metadata(out.join("root.erofs")).expect("there").len(), laid.1 * 4096);
            assert!(out.join("root.verity").is_file());
            laid
        };
        assert_eq!(make("a"), make("b"));
        let back = dir.path().join("back");
        unpack(&dir.path().join("a/root.erofs"), &back).expect("unpacked");
        assert_eq!(std::fs::read(back.join("usr/bin/x")).expect("there"), [7; 9000]);
        assert!(unpack(&dir.path().join("a/root.verity"), &dir.path().join("none")).is_err());
    }
}
