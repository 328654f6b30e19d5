//! Signing what the publisher never signed, with the keys that an attacker has.

use std::collections::HashMap;
use std::fs;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use aws_lc_rs::rand::SystemRandom;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use tough::editor::signed::SignedRole;
use tough::key_source::KeySource;
use tough::schema::{Hashes, KeyHolder, Metafile, Role, Root, Signed, Snapshot, Targets, Timestamp};

/// Metadata of a repository, to be changed and signed again.
pub(crate) struct Forge<'a> {
    repo: &'a Path,
    keys: &'a ampoule_publish::KeyFolder,
    pub(crate) targets: Targets,
    pub(crate) snapshot: Snapshot,
    pub(crate) timestamp: Timestamp,
}

pub(crate) const SNAPSHOT: &str = "snapshot.json";
pub(crate) const TARGETS: &str = "targets.json";

impl<'a> Forge<'a> {
    /// The newest metadata in `repo`.
    pub(crate) fn open(repo: &'a Path, keys: &'a ampoule_publish::KeyFolder) -> Result<Self> {
        let timestamp: Timestamp = read(&repo.join("metadata/timestamp.json"))?;
        let snapshot: Snapshot = read(&metadata(repo, &timestamp.meta, SNAPSHOT)?)?;
        let targets = read(&metadata(repo, &snapshot.meta, TARGETS)?)?;
        Ok(Self { repo, keys, targets, snapshot, timestamp })
    }

    /// Signs the list of targets; the snapshot names it.
    pub(crate) fn sign_targets(&mut self) -> Result<()> {
        let text = self.sign(self.targets.clone())?;
        let version = self.targets.version;
        fs::write(self.repo.join(format!("metadata/{version}.{TARGETS}")), &text)?;
        self.snapshot.meta.insert(TARGETS.to_owned(), metafile(&text, version));
        Ok(())
    }

    /// Signs the snapshot; the timestamp names it.
    pub(crate) fn sign_snapshot(&mut self) -> Result<()> {
        let text = self.sign(self.snapshot.clone())?;
        let version = self.snapshot.version;
        fs::write(self.repo.join(format!("metadata/{version}.{SNAPSHOT}")), &text)?;
        self.timestamp.meta.insert(SNAPSHOT.to_owned(), metafile(&text, version));
        Ok(())
    }

    /// Signs the timestamp.
    pub(crate) fn sign_timestamp(&self) -> Result<()> {
        Ok(fs::write(self.repo.join("metadata/timestamp.json"), self.sign(self.timestamp.clone())?)?)
    }

    /// Has the snapshot name a delegated role.
    pub(crate) fn name_role(&mut self, role: &str, text: &[u8], version: NonZeroU64) {
        self.snapshot.meta.insert(format!("{role}.json"), metafile(text, version));
    }

    /// Puts a file among the targets and on the list.
    pub(crate) fn add_target(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let target = target(bytes);
        let file = self.repo.join("targets").join(format!("{}.{}", ampoule_base::hex(&target.hashes.sha256), name.replace('/', "%2F")));
        fs::write(file, bytes)?;
        self.targets.targets.insert(tough::TargetName::new(name)?, target);
        Ok(())
    }

    fn sign<T: Role + Serialize + Clone>(&self, role: T) -> Result<Vec<u8>> {
        let root: Signed<Root> = serde_json::from_slice(&fs::read(self.keys.root_path())?)?;
        sign(role, &root.signed, &self.keys.sources()?)
    }
}

/// Signs a role with those of `keys` that `root` lets sign it.
pub(crate) fn sign<T: Role + Serialize>(role: T, root: &Root, keys: &[Box<dyn KeySource>]) -> Result<Vec<u8>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let signed = runtime.block_on(SignedRole::new(role, &KeyHolder::Root(root.clone()), keys, &SystemRandom::new()))?;
    Ok(signed.buffer().clone())
}

/// What a list of targets says of a file.
pub(crate) fn target(bytes: &[u8]) -> tough::schema::Target {
    tough::schema::Target { length: bytes.len() as u64, hashes: hashes(bytes), custom: HashMap::new(), _extra: HashMap::new() }
}

/// The next version.
pub(crate) fn next(version: NonZeroU64) -> Result<NonZeroU64> {
    version.checked_add(1).context("a version")
}

pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let signed: Signed<T> = serde_json::from_slice(&fs::read(path)?)?;
    Ok(signed.signed)
}

/// Where the metadata lies that `meta` names.
pub(crate) fn metadata(repo: &Path, meta: &HashMap<String, Metafile>, name: &str) -> Result<PathBuf> {
    let version = meta.get(name).with_context(|| format!("{name} is named"))?.version;
    Ok(repo.join(format!("metadata/{version}.{name}")))
}

fn metafile(text: &[u8], version: NonZeroU64) -> Metafile {
    Metafile { length: Some(text.len() as u64), hashes: Some(hashes(text)), version, _extra: HashMap::new() }
}

fn hashes(bytes: &[u8]) -> Hashes {
    Hashes { sha256: Sha256::digest(bytes).to_vec().into(), _extra: HashMap::new() }
}
