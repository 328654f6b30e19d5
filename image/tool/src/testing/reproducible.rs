//! The same inputs give the same bytes: the image is built a second time, elsewhere and later, and compared.

use std::{
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    process::Command,
};

use ampoule_builder::{BuildRequest, BuiltImage, build, compare};
use anyhow::{Context, Result, bail, ensure};

use crate::{paths, show::Show, testing::tally::Tally};

/// Builds again from a copy of the checkout in another folder, with another cache, and names the first difference.
///
/// Third-party packages take half an hour to compile, so the second build takes them from the first cache unless
/// `soak` is set; our own programs, the root, the hash tree, the kernel image and the disk are always made anew.
pub(crate) fn check(show: &Show, variant: &str, first: &BuiltImage, soak: bool, tally: &mut Tally) {
    match again(show, variant, first, soak) {
        Ok(()) => tally.pass(),
        Err(error) => tally.fail("reproducible", &format!("{error:#}")),
    }
}

fn again(show: &Show, variant: &str, first: &BuiltImage, soak: bool) -> Result<()> {
    let place = paths::cache().join("second-build");
    if place.exists() {
        fs::remove_dir_all(&place).context("cannot remove the last second build")?;
    }
    show.say("  the image once more, in another folder:");
    let request = BuildRequest {
        repo: place.join("checkout"),
        variant: variant.to_owned(),
        out: place.join("out"),
        cache: place.join("cache"),
        locked: false,
    };
    copy_checkout(&paths::repo()?, &request.repo)?;
    share_cache(&paths::cache(), &request.cache, soak)?;
    let second = build(&request, show)?;
    let differences = compare(&first.dir, &second.dir)?;
    if let Some(difference) = differences.first() {
        bail!(
            "{} differs at {} ({} files differ); compare {} with {}",
            difference.file,
            difference.place,
            differences.len(),
            first.dir.display(),
            second.dir.display()
        );
    }
    let _ = fs::remove_dir_all(&place);
    Ok(())
}

/// The files that git knows or would take, as they are now.
fn copy_checkout(from: &Path, to: &Path) -> Result<()> {
    let arguments = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git").args(["-c", "safe.directory=*"]).arg("-C").arg(from).args(arguments).output();
    let output = output.context("cannot run git")?;
    ensure!(output.status.success(), "git cannot list the checkout: {}", String::from_utf8_lossy(&output.stderr));
    for name in output.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let name = Path::new(OsStr::from_bytes(name));
        // A file that git still knows may be gone from the folder.
        if from.join(name).is_file() {
            copy(&from.join(name), &to.join(name))?;
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let folder = to.parent().context("a file without a folder")?;
    fs::create_dir_all(folder).and_then(|()| fs::copy(from, to)).map(drop).with_context(|| format!("cannot copy {}", from.display()))
}

/// Downloads always; finished third-party packages unless everything shall be made anew.
fn share_cache(from: &Path, to: &Path, soak: bool) -> Result<()> {
    link_tree(&from.join("downloads"), &to.join("downloads"))?;
    if !soak {
        let theirs = |name: &str| !name.starts_with("ampoule-");
        for entry in entries(&from.join("artifacts"))?.into_iter().filter(|path| file_name(path).is_some_and(theirs)) {
            link_tree(&entry, &to.join("artifacts").join(file_name(&entry).unwrap_or_default()))?;
        }
    }
    Ok(())
}

/// Hard links cost nothing; what is in the cache is never changed in place.
fn link_tree(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    for path in entries(from)? {
        let target = to.join(path.file_name().unwrap_or_default());
        let kind = path.symlink_metadata().with_context(|| format!("cannot read {}", path.display()))?.file_type();
        if kind.is_dir() {
            link_tree(&path, &target)?;
        } else {
            fs::hard_link(&path, &target).with_context(|| format!("cannot link {}", path.display()))?;
        }
    }
    Ok(())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let found: Result<Vec<_>, _> = fs::read_dir(folder).and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect());
    found.with_context(|| format!("cannot read {}", folder.display()))
}

fn file_name(path: &Path) -> Option<&str> {
    path.file_name().and_then(OsStr::to_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_third_party_packages_are_shared() {
        let dir = tempfile::tempdir().unwrap();
        let from = dir.path().join("a");
        for part in ["artifacts/kernel-1/lib", "artifacts/ampoule-2", "downloads"] {
            fs::create_dir_all(from.join(part)).unwrap();
        }
        fs::write(from.join("artifacts/kernel-1/lib/x"), b"x").unwrap();
        let to = dir.path().join("b");
        share_cache(&from, &to, false).unwrap();
        assert!(to.join("artifacts/kernel-1/lib/x").is_file());
        assert!(!to.join("artifacts/ampoule-2").exists());
        let all_anew = dir.path().join("c");
        share_cache(&from, &all_anew, true).unwrap();
        assert!(!all_anew.join("artifacts").exists());
    }
}
