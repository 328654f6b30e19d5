//! What this machine keeps of a local node between runs.

use std::{
    fs::{self, DirBuilder, File},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use ampoule_api_client::Client;
use ampoule_api_types::Role;
use ampoule_machine::LocalIdentity;
use anyhow::{Context, Result, bail};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::{paths, remove};

/// The folder of one node: its disk, its keys, its console log, and the record of its run.
#[derive(Clone, Debug)]
pub(crate) struct NodeFolder {
    path: PathBuf,
}

/// Proof that no other program runs this node. The node is free again when this is dropped.
pub(crate) struct NodeLock(#[expect(dead_code, reason = "held, not read")] File);

/// How to reach a running node.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The process that runs it.
    pub(crate) pid: u32,
    /// Port of its API on 127.0.0.1.
    pub(crate) api_port: u16,
    /// Port of the registry that it pulls from, kept so that a later run offers the same.
    pub(crate) registry_port: u16,
    /// Whether it serves.
    pub(crate) ready: bool,
}

impl NodeFolder {
    pub(crate) fn named(name: &str) -> Self {
        Self::at(paths::node(name))
    }

    pub(crate) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn console(&self) -> PathBuf {
        self.path.join("serial.log")
    }

    pub(crate) fn run_log(&self) -> PathBuf {
        self.path.join("run.log")
    }

    /// Makes the folder, for its owner alone.
    pub(crate) fn make(&self) -> Result<()> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.path)
            .with_context(|| format!("cannot make the folder {}", self.path.display()))
    }

    /// Claims the node; `None` if a program runs it now.
    pub(crate) fn lock(&self) -> Result<Option<NodeLock>> {
        let path = self.path.join("lock");
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.with_context(|| format!("cannot write {}", path.display()))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(NodeLock(file))),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot lock {}", path.display())),
        }
    }

    /// Forgets disk, keys and user data.
    pub(crate) fn forget(&self, _lock: &NodeLock) -> Result<()> {
        for name in ["disk.qcow2", "image", "firmware-vars.fd", "node.json", "serial.log"] {
            let _ = fs::remove_file(self.path.join(name));
        }
        let identity = self.path.join("identity");
        if identity.exists() {
            remove::tree(&identity)?;
        }
        Ok(())
    }

    /// Whether a disk from an earlier run is there, and made from the image `image`.
    pub(crate) fn disk_state(&self, image: &str) -> DiskState {
        let made_from = fs::read_to_string(self.path.join("image")).unwrap_or_default();
        match self.path.join("disk.qcow2").is_file() {
            false => DiskState::None,
            true if made_from == image => DiskState::Same,
            true => DiskState::OtherImage,
        }
    }

    /// Notes from which image the disk is made.
    pub(crate) fn note_image(&self, image: &str) -> Result<()> {
        self.write("image", image)
    }

    pub(crate) fn identity(&self) -> Result<LocalIdentity> {
        LocalIdentity::open_or_create(&self.path.join("identity"))
    }

    pub(crate) fn record(&self) -> Option<Record> {
        serde_json::from_str(&fs::read_to_string(self.path.join("node.json")).ok()?).ok()
    }

    pub(crate) fn write_record(&self, record: &Record) -> Result<()> {
        self.write("node.json", &serde_json::to_string(record).context("node.json")?)
    }

    /// The record of the node if a program runs it now.
    pub(crate) fn running(&self) -> Result<Option<Record>> {
        if !self.path.is_dir() || self.lock()?.is_some() {
            return Ok(None);
        }
        Ok(self.record())
    }

    /// A client of the running node, with all rights.
    pub(crate) fn client(&self) -> Result<Client> {
        match self.running()? {
            Some(record) => self.client_on(record.api_port),
            None => bail!("no node runs here; `./ampoule run` starts one"),
        }
    }

    /// A client of the node behind `port` of this machine.
    pub(crate) fn client_on(&self, port: u16) -> Result<Client> {
        client_of(&self.identity()?, port)
    }

    /// Whole or not at all: written beside and renamed.
    fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.path.join(name);
        let beside = self.path.join(format!(".{name}.new"));
        fs::write(&beside, text).and_then(|()| fs::rename(&beside, &path)).with_context(|| format!("cannot write {}", path.display()))
    }
}

/// What is known of the disk of an earlier run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DiskState {
    /// There is none.
    None,
    /// It belongs to the image.
    Same,
    /// It belongs to an image that is no more; its blocks would not fit together.
    OtherImage,
}

/// A client, with all rights, of the node with this identity behind `port` of this machine.
pub(crate) fn client_of(identity: &LocalIdentity, port: u16) -> Result<Client> {
    let files = identity.client(Role::Admin);
    let read = |path: &Path| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    let (ca, certificate, key) = (read(&files.ca)?, read(&files.certificate)?, read(&files.key)?);
    Client::tls(&format!("127.0.0.1:{port}"), identity.server_name(), &ca, &certificate, &key).context("the node's certificates")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_claimed_once() {
        let dir = tempfile::tempdir().unwrap();
        let folder = NodeFolder::at(dir.path().join("n"));
        folder.make().unwrap();
        let lock = folder.lock().unwrap();
        assert!(lock.is_some());
        assert!(folder.lock().unwrap().is_none());
        drop(lock);
        assert!(folder.lock().unwrap().is_some());
    }

    #[test]
    fn a_disk_of_another_image_is_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let folder = NodeFolder::at(dir.path().to_owned());
        assert_eq!(folder.disk_state("a"), DiskState::None);
        fs::write(dir.path().join("disk.qcow2"), b"").unwrap();
        folder.note_image("a").unwrap();
        assert_eq!(folder.disk_state("a"), DiskState::Same);
        assert_eq!(folder.disk_state("b"), DiskState::OtherImage);
    }
}
