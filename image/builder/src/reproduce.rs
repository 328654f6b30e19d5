//! The proof that an image depends on its inputs only: it is made again from a copy, elsewhere, without what is cached.

use crate::build::build;
use crate::compare::{Difference, compare};
use crate::progress::Progress;
use crate::request::{BuildRequest, BuiltImage};
use anyhow::Context;
use std::path::Path;
use std::process::Command;

/// Builds the image of `request` a second time below `place` and compares it with `first`. Empty means equal.
///
/// The checkout is copied, so every path differs; nothing is taken from the cache but downloads and the kernel, whose
/// signing key is made anew each time and which therefore is an input of the image (decision 2). `place` is emptied first.
///
/// # Errors
/// As [`build`]; or when the checkout cannot be copied.
pub fn reproduce(request: &BuildRequest, first: &BuiltImage, place: &Path, progress: &dyn Progress) -> anyhow::Result<Vec<Difference>> {
    if place.exists() {
        std::fs::remove_dir_all(place).with_context(|| format!("cannot empty {}", place.display()))?;
    }
    let second =
        BuildRequest { repo: place.join("a/checkout/elsewhere"), out: place.join("image"), cache: place.join("cache"), ..request.clone() };
    copy_checkout(&request.repo, &second.repo)?;
    share(&request.cache, &second.cache)?;
    let second = build(&second, progress)?;
    compare(&first.dir, &second.dir)
}

/// Copies what git knows and what it would add: no outputs.
fn copy_checkout(from: &Path, to: &Path) -> anyhow::Result<()> {
    let list = Command::new("git").current_dir(from).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).output()?;
    anyhow::ensure!(list.status.success(), "{} is not a git checkout", from.display());
    for name in list.stdout.split(|b| *b == 0).filter(|n| !n.is_empty()) {
        let name = std::str::from_utf8(name).context("a file name is not text")?;
        let (source, target) = (from.join(name), to.join(name));
        // A file that was deleted but not yet committed is still listed.
        if source.symlink_metadata().is_ok() {
            crate::package::make_parent(&target)?;
            std::fs::copy(&source, &target).with_context(|| format!("cannot copy {name}"))?;
        }
    }
    Ok(())
}

/// Gives the second cache the downloads and the kernel of the first.
fn share(from: &Path, to: &Path) -> anyhow::Result<()> {
    for part in ["downloads", "artifacts"] {
        std::fs::create_dir_all(to.join(part))?;
        for entry in std::fs::read_dir(from.join(part)).into_iter().flatten().flatten() {
            let name = entry.file_name();
            if part == "downloads" || name.to_string_lossy().starts_with("kernel-") {
                std::os::unix::fs::symlink(entry.path().canonicalize()?, to.join(part).join(name))?;
            }
        }
    }
    Ok(())
}
