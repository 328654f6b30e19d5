//! What was proven before about packages of this cache: made a second time, elsewhere, each had the same content.
//!
//! `proofs/NAME-KEY` in the cache holds a digest of all that the proof speaks about: the host's tools, the code that builds, and every file of
//! the package. The key of a package covers its recipe, inputs, sources, compilers and flags. If any of it differs, there is no proof and the
//! package is made again.

use crate::cache::unit;
use crate::hash::{self, Facts};
use crate::manifest::Package;
use anyhow::Context;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What a host has beside the compilers whose versions are in a package's key: every package of the system with its version.
const SYSTEM: &str = "/var/lib/dpkg/status";

/// The proofs of one cache, for one state of host and builder.
pub(crate) struct Proofs {
    cache: PathBuf,
    circumstances: String,
}

impl Proofs {
    /// Those of `cache` that hold for the host as it is now and the builder in `repo`.
    pub(crate) fn open(cache: &Path, repo: &Path) -> anyhow::Result<Self> {
        Self::under(cache, circumstances(repo, Path::new(SYSTEM))?)
    }

    fn under(cache: &Path, circumstances: String) -> anyhow::Result<Self> {
        std::fs::create_dir_all(cache.join("proofs"))?;
        Ok(Self { cache: cache.to_path_buf(), circumstances })
    }

    /// Whether what lies in the cache for `package` is what was made twice.
    pub(crate) fn holds(&self, package: &Package) -> bool {
        let kept = std::fs::read_to_string(self.file(package));
        kept.is_ok_and(|kept| self.digest(&self.made(package)).is_ok_and(|digest| digest == kept))
    }

    /// Keeps that `package` was made again in the cache `second`, if that has the same content. Two names of one folder prove nothing.
    pub(crate) fn keep(&self, package: &Package, second: &Path) -> anyhow::Result<()> {
        let (made, again) = (self.made(package), second.join("artifacts").join(name_of(package)));
        if !again.is_dir() || made.canonicalize()? == again.canonicalize()? {
            return Ok(());
        }
        let digest = self.digest(&made)?;
        if digest != self.digest(&again)? {
            return Ok(());
        }
        // Whole or not at all: a torn file is no digest, and so no proof.
        std::fs::write(self.file(package), digest).context("a proof cannot be kept in the cache")
    }

    /// Where the package lies.
    pub(crate) fn made(&self, package: &Package) -> PathBuf {
        self.cache.join("artifacts").join(name_of(package))
    }

    fn file(&self, package: &Package) -> PathBuf {
        self.cache.join("proofs").join(name_of(package))
    }

    fn digest(&self, artifact: &Path) -> anyhow::Result<String> {
        let mut facts = Facts::default();
        facts.add("circumstances", &self.circumstances);
        for path in hash::files_below(artifact)? {
            let name = path.strip_prefix(artifact)?.to_string_lossy().into_owned();
            let metadata = path.symlink_metadata()?;
            if metadata.is_symlink() {
                facts.add(&name, std::fs::read_link(&path)?.as_os_str().as_encoded_bytes());
            } else {
                facts.add("mode", metadata.permissions().mode().to_le_bytes()).add_file(&name, &path)?;
            }
        }
        Ok(facts.finish())
    }
}

fn name_of(package: &Package) -> String {
    unit(&package.name, &package.key)
}

/// The host's tools, what configures cargo, and the code that builds packages.
fn circumstances(repo: &Path, system: &Path) -> anyhow::Result<String> {
    let mut facts = Facts::default();
    facts.add_file("system", system).context("only Debian's list of packages says which tools a host has")?;
    facts.add_tree(&repo.join("image/builder/src"), &|_| true)?;
    for config in cargo_configs(repo) {
        let text = std::fs::read(&config).unwrap_or_default();
        facts.add(&config.file_name().unwrap_or_default().to_string_lossy(), text);
    }
    Ok(facts.finish())
}

fn cargo_configs(repo: &Path) -> Vec<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    let folders = home.into_iter().chain([repo.join(".cargo")]);
    folders.flat_map(|folder| ["config.toml", "config"].map(|name| folder.join(name))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package() -> Package {
        Package {
            name: "p".into(),
            version: "1".into(),
            licence: "MIT".into(),
            summary: String::new(),
            key: "0123456789abcdef0123456789abcdef0123".into(),
            inputs: Vec::new(),
        }
    }

    /// A cache in which the package has this content.
    fn cache(text: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path().join("artifacts").join(name_of(&package())).join("root");
        std::fs::create_dir_all(&root).expect("made");
        std::fs::write(root.join("program"), text).expect("written");
        std::os::unix::fs::symlink("program", root.join("other-name")).expect("linked");
        dir
    }

    fn under(cache: &tempfile::TempDir, circumstances: &str) -> Proofs {
        Proofs::under(cache.path(), circumstances.into()).expect("opened")
    }

    #[test]
    fn what_was_made_twice_alike_is_proven_until_something_differs() {
        let (first, second) = (cache("same"), cache("same"));
        let proofs = under(&first, "a host");
        assert!(!proofs.holds(&package()), "nothing was proven yet");
        proofs.keep(&package(), second.path()).expect("kept");
        assert!(proofs.holds(&package()));
        assert!(!under(&first, "another host").holds(&package()));
        assert!(!under(&first, "a host").holds(&Package { key: "f".repeat(64), ..package() }));

        let program = proofs.made(&package()).join("root/program");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("changed");
        assert!(!proofs.holds(&package()), "its mode differs");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o644)).expect("changed");
        std::fs::write(&program, "changed").expect("written");
        assert!(!proofs.holds(&package()), "its content differs");
    }

    #[test]
    fn nothing_is_proven_by_other_content_by_itself_or_by_nothing() {
        let first = cache("one");
        let proofs = under(&first, "a host");
        proofs.keep(&package(), cache("other").path()).expect("looked at");
        assert!(!proofs.holds(&package()));
        proofs.keep(&package(), tempfile::tempdir().expect("a directory").path()).expect("looked at");
        assert!(!proofs.holds(&package()));

        let link = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(link.path().join("artifacts")).expect("made");
        std::os::unix::fs::symlink(proofs.made(&package()), link.path().join("artifacts").join(name_of(&package()))).expect("linked");
        proofs.keep(&package(), link.path()).expect("looked at");
        assert!(!proofs.holds(&package()), "a link to itself is not a second time");
    }

    #[test]
    fn tools_and_builder_are_part_of_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let (code, system) = (dir.path().join("image/builder/src"), dir.path().join("status"));
        std::fs::create_dir_all(&code).expect("made");
        let write = |path: &Path, text: &str| std::fs::write(path, text).expect("written");
        let now = || circumstances(dir.path(), &system).ok();
        write(&code.join("lib.rs"), "1");
        assert_eq!(now(), None, "a host that does not tell its tools proves nothing");
        write(&system, "gcc 1");
        let first = now();
        assert!(first.is_some() && now() == first);
        write(&system, "gcc 2");
        assert_ne!(now(), first);
        write(&system, "gcc 1");
        write(&code.join("lib.rs"), "2");
        assert_ne!(now(), first);
    }
}
