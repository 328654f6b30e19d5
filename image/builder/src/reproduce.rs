//! The proof that an image depends on its inputs only: it is made again from a copy, elsewhere, without what is cached.

use crate::build::build;
use crate::cache::unit;
use crate::compare::{Difference, compare};
use crate::manifest::Package;
use crate::progress::Progress;
use crate::proof::Proofs;
use crate::request::{BuildRequest, BuiltImage};
use anyhow::Context;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// Which packages are made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// Those that were not yet proven to come out the same from the same recipe, inputs, sources, tools and builder.
    Unproven,
    /// All of them.
    Everything,
}

/// The kernel's signing key is made anew each time, so the kernel is an input of the image (decision 2).
const KERNEL: &str = "kernel";

/// Builds the image of `request` a second time below `place` and compares it with `first`. Empty means equal.
///
/// The checkout is copied, so every path differs; nothing is taken from the cache but downloads, the kernel, and with [`Again::Unproven`]
/// packages that an earlier run made a second time (`proof.rs`). What makes an image of the packages runs in any case. `place` is emptied first.
///
/// # Errors
/// As [`build`]; or when the checkout cannot be copied.
pub fn reproduce(
    request: &BuildRequest,
    first: &BuiltImage,
    place: &Path,
    again: Again,
    progress: &dyn Progress,
) -> anyhow::Result<Vec<Difference>> {
    if place.exists() {
        std::fs::remove_dir_all(place).with_context(|| format!("cannot empty {}", place.display()))?;
    }
    let second =
        BuildRequest { repo: place.join("a/checkout/elsewhere"), out: place.join("image"), cache: place.join("cache"), ..request.clone() };
    copy_checkout(&request.repo, &second.repo)?;
    // A host of which not all tools are known proves nothing for the next time.
    let proofs = Proofs::open(&request.cache, &request.repo).ok();
    let packages = &first.manifest.packages;
    let proven = |package: &&Package| again == Again::Unproven && proofs.as_ref().is_some_and(|proofs| proofs.holds(package));
    share(&request.cache, &second.cache, packages.iter().filter(proven))?;
    let built = build(&second, progress)?;
    let differences = compare(&first.dir, &built.dir)?;
    if let (Some(proofs), true) = (proofs, differences.is_empty()) {
        packages.iter().filter(|package| package.name != KERNEL).try_for_each(|package| proofs.keep(package, &second.cache))?;
    }
    Ok(differences)
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

/// Gives the second cache the downloads, the kernels and the packages `proven` of the first.
fn share<'a>(from: &Path, to: &Path, proven: impl Iterator<Item = &'a Package>) -> anyhow::Result<()> {
    let names_in = |part: &str| {
        let entries = std::fs::read_dir(from.join(part)).into_iter().flatten().flatten();
        entries.map(|entry| format!("{part}/{}", entry.file_name().to_string_lossy())).collect::<Vec<_>>()
    };
    let kernels = names_in("artifacts").into_iter().filter(|name| name.starts_with(&format!("artifacts/{KERNEL}-")));
    let proven = proven.map(|package| format!("artifacts/{}", unit(&package.name, &package.key)));
    let shared: BTreeSet<String> = names_in("downloads").into_iter().chain(kernels).chain(proven).collect();
    for part in ["downloads", "artifacts"] {
        std::fs::create_dir_all(to.join(part))?;
    }
    for name in shared {
        std::os::unix::fs::symlink(from.join(&name).canonicalize()?, to.join(&name))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_cache_has_downloads_kernels_and_what_is_proven() {
        let dir = tempfile::tempdir().expect("a directory");
        let (first, second) = (dir.path().join("first"), dir.path().join("second"));
        for name in ["downloads/kernel.deb", "artifacts/kernel-0", "artifacts/runc-1", "artifacts/runc-2", "artifacts/ampoule-3"] {
            std::fs::create_dir_all(first.join(name)).expect("made");
        }
        let runc = Package {
            name: "runc".into(),
            version: "1".into(),
            licence: "Apache-2.0".into(),
            summary: String::new(),
            key: "1".into(),
            inputs: Vec::new(),
        };
        share(&first, &second, [&runc].into_iter()).expect("shared");
        let there: Vec<bool> =
            ["downloads/kernel.deb", "artifacts/kernel-0", "artifacts/runc-1", "artifacts/runc-2", "artifacts/ampoule-3"]
                .map(|name| second.join(name).is_dir())
                .to_vec();
        assert_eq!(there, [true, true, true, false, false]);
    }
}
