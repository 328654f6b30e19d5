//! The content-addressed cache: what was made once from the same recipe, inputs and tools is not made again.
//!
//! `artifacts/NAME-KEY/` (finished, never changed), `downloads/` (verified inputs), `work/` (unfinished; emptied by the
//! next build that holds the lock), `shared/` (working directories of cargo), `proofs/` (what was made a second time and came out the same), `logs/`,
//! `locks/`.

use anyhow::Context;
use rustix::fs::{FlockOperation, flock};
use std::fs::File;
use std::path::{Path, PathBuf};

/// A cache directory.
pub(crate) struct Cache {
    dir: PathBuf,
}

/// Holds a name in the cache against other builds of this user; freed when dropped, and by the kernel when we die.
pub(crate) struct Held(#[allow(dead_code)] File);

impl Cache {
    /// Opens the cache, making it if need be.
    pub(crate) fn open(dir: &Path) -> anyhow::Result<Self> {
        for part in ["artifacts", "downloads", "work", "shared", "logs", "locks"] {
            std::fs::create_dir_all(dir.join(part))
                .with_context(|| format!("cannot make the cache {}: set AMPOULE_CACHE to a directory you may write", dir.display()))?;
        }
        Ok(Self { dir: dir.canonicalize()? })
    }

    /// Directory of downloaded inputs.
    pub(crate) fn downloads(&self) -> PathBuf {
        self.dir.join("downloads")
    }

    /// A directory that stays from build to build, for tools that have a cache of their own.
    pub(crate) fn shared(&self, name: &str) -> anyhow::Result<PathBuf> {
        let dir = self.dir.join("shared").join(name);
        std::fs::create_dir_all(&dir)?;
        Ok(dir)
    }

    /// Path of the log of a stage, emptied.
    pub(crate) fn log(&self, stage: &str) -> anyhow::Result<PathBuf> {
        let path = self.dir.join("logs").join(format!("{stage}.log"));
        File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    /// Waits until no other build holds `name`.
    pub(crate) fn hold(&self, name: &str) -> anyhow::Result<Held> {
        let file = File::create(self.dir.join("locks").join(name))?;
        flock(&file, FlockOperation::LockExclusive)?;
        Ok(Held(file))
    }

    /// A new directory for unfinished work, on the file system of the cache; removed when dropped.
    pub(crate) fn scratch(&self, name: &str) -> anyhow::Result<tempfile::TempDir> {
        Ok(tempfile::Builder::new().prefix(&format!("{name}-")).tempdir_in(self.dir.join("work"))?)
    }

    fn path(&self, name: &str, key: &str) -> PathBuf {
        self.dir.join("artifacts").join(unit(name, key))
    }

    /// The artifact `name` with this key, if it was made before.
    pub(crate) fn made(&self, name: &str, key: &str) -> Option<PathBuf> {
        Some(self.path(name, key)).filter(|p| p.is_dir())
    }

    /// The artifact `name` with this key: from the cache, or made by `make` in an empty directory and moved in whole.
    /// The second value says whether it was there.
    pub(crate) fn artifact(
        &self,
        name: &str,
        key: &str,
        make: impl FnOnce(&Path) -> anyhow::Result<()>,
    ) -> anyhow::Result<(PathBuf, bool)> {
        if let Some(path) = self.made(name, key) {
            return Ok((path, true));
        }
        let path = self.path(name, key);
        // One lock for each key: two checkouts that make different things of the same name do not wait for each other.
        let unit = unit(name, key);
        let _held = self.hold(&unit)?;
        if path.is_dir() {
            return Ok((path, true));
        }
        self.remove_unfinished(&unit);
        let scratch = self.scratch(&unit)?;
        let out = scratch.path().join("out");
        std::fs::create_dir(&out)?;
        make(&out)?;
        std::fs::rename(&out, &path).with_context(|| format!("cannot move {name} into the cache"))?;
        Ok((path, false))
    }

    /// Removes what builds of `name` that were killed have left; the caller holds `name`.
    fn remove_unfinished(&self, name: &str) {
        let entries = std::fs::read_dir(self.dir.join("work")).into_iter().flatten().flatten();
        for entry in entries.filter(|e| is_scratch_of(&e.file_name().to_string_lossy(), name)) {
            // What cannot be removed only takes space.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// What the artifact `name` with this key is called.
pub(crate) fn unit(name: &str, key: &str) -> String {
    format!("{name}-{}", key.get(..32).unwrap_or(key))
}

/// Whether a scratch directory is one of `name`: its name, a dash and a random part without dashes.
fn is_scratch_of(dir: &str, name: &str) -> bool {
    dir.strip_prefix(name).and_then(|r| r.strip_prefix('-')).is_some_and(|r| !r.contains('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_artifact_is_made_once() {
        let dir = tempfile::tempdir().expect("a directory");
        let cache = Cache::open(dir.path()).expect("opened");
        let make = |out: &Path| Ok(std::fs::write(out.join("x"), "made")?);
        let (path, from_cache) = cache.artifact("a", "0123", make).expect("made");
        assert!(!from_cache && path.join("x").is_file());
        let again = cache.artifact("a", "0123", |_| anyhow::bail!("made twice")).expect("found");
        assert_eq!(again, (path, true));
    }

    #[test]
    fn a_failed_artifact_leaves_nothing() {
        let dir = tempfile::tempdir().expect("a directory");
        let cache = Cache::open(dir.path()).expect("opened");
        let half = |out: &Path| {
            std::fs::write(out.join("x"), "half")?;
            anyhow::bail!("broken")
        };
        assert!(cache.artifact("a", "0123", half).is_err());
        for part in ["artifacts", "work"] {
            assert_eq!(std::fs::read_dir(dir.path().join(part)).expect("listed").count(), 0, "{part}");
        }
    }

    #[test]
    fn scratch_of_another_name_is_not_ours() {
        assert!(is_scratch_of("kernel-aB3x", "kernel"));
        assert!(!is_scratch_of("kernel-tools-aB3x", "kernel"));
        assert!(!is_scratch_of("kernels-aB3x", "kernel"));
    }
}
