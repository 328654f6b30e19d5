//! What is true before an attack: keys, images, and an honest repository with its history.

use std::fs;
use std::path::{Path, PathBuf};

use ampoule_publish::{Image, KeyFolder, Lifetimes, NewKeys, Publish, Repository, Rotation, now};
use ampoule_update::{Timestamp, Waves};
use anyhow::Result;

use crate::image::{Tiny, tiny_image};
use crate::server::Behaviour;
use crate::{Outcome, Prepared};

/// The version that the honest publisher published last.
pub const NEWEST: &str = "1.2.0";
/// The one before it.
pub(crate) const OLDER: &str = "1.1.0";
/// What the attacker would like nodes to run.
pub(crate) const EVIL: &str = "6.6.6";

/// A publisher with two of three root keys as threshold, and an honest repository in two states: with the version before the newest
/// alone, and with both.
#[derive(Debug)]
pub struct World {
    dir: tempfile::TempDir,
    /// Keys of the publisher.
    pub keys: KeyFolder,
    /// The repository when it had the older version alone.
    pub older: PathBuf,
    /// The repository as the publisher left it.
    pub newest: PathBuf,
    /// This moment.
    pub now: Timestamp,
}

impl World {
    /// Makes it, in a folder that goes with it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn new() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let now = now();
        let new = NewKeys { root_keys: 3, root_threshold: 2, expires: now.plus(1 << 24) };
        let keys = KeyFolder::create(&dir.path().join("keys"), &new)?;
        let (older, newest) = (dir.path().join("older"), dir.path().join("newest"));
        let world = Self { keys, older, newest, now, dir };
        world.publish(&world.older, OLDER, now)?;
        copy_tree(&world.older, &world.newest)?;
        world.publish(&world.newest, NEWEST, now)?;
        Ok(world)
    }

    /// A folder for something new.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.dir.path().join(name);
        fs::create_dir_all(&path)?;
        Ok(path)
    }

    /// A copy of a repository, to be changed.
    pub(crate) fn copy(&self, of: &Path, name: &str) -> Result<PathBuf> {
        let to = self.folder(name)?;
        copy_tree(of, &to)?;
        Ok(to)
    }

    /// Publishes a version into the repository `repo` as the publisher would at the moment `at`.
    pub(crate) fn publish(&self, repo: &Path, version: &str, at: Timestamp) -> Result<()> {
        publish_with(&self.keys, repo, &self.image(version)?, at)
    }

    /// An image of that version.
    pub(crate) fn image(&self, version: &str) -> Result<Image> {
        let dir = self.dir.path().join(format!("image-{version}"));
        let last = version.bytes().fold(7, u8::wrapping_add);
        let blocks: Vec<u8> = (1..200).chain([last]).collect();
        tiny_image(&dir, &Tiny { version, blocks: &blocks, kernel: &[9; 10_000], loader: b"loader" })?;
        Image::open(&dir)
    }

    /// Replaces keys as the publisher would.
    pub(crate) fn rotate(&self, repo: &Path, roles: &[&str]) -> Result<()> {
        let replace = roles.iter().map(|role| (*role).to_owned()).collect();
        let rotation = Rotation {
            replace,
            root_keys: None,
            given: vec![],
            expires: self.now.plus(1 << 24),
            lifetimes: Lifetimes::default(),
            now: self.now,
        };
        ampoule_publish::rotate(&self.keys, Some(repo), &rotation).map(drop)
    }

    /// A client with the publisher's first root that has seen `before`, and now sees `repository` on an honest server.
    pub(crate) fn confront(&self, before: &[&Path], repository: &Path, outcome: Outcome) -> Result<Prepared> {
        Ok(Prepared {
            root: fs::read(self.keys.dir().join("1.root.json"))?,
            before: before.iter().map(|path| (*path).to_owned()).collect(),
            repository: repository.to_owned(),
            behaviour: Behaviour::Honest,
            outcome,
        })
    }
}

pub(crate) fn publish_with(keys: &KeyFolder, repo: &Path, image: &Image, at: Timestamp) -> Result<()> {
    fs::create_dir_all(repo)?;
    let request = Publish {
        images: std::slice::from_ref(image),
        waves: Waves::default(),
        max_version: None,
        remove: &[],
        lifetimes: Lifetimes::default(),
        now: at,
    };
    ampoule_publish::publish(&Repository::new(repo), keys, &request).map(drop)
}

/// Copies a folder with all that is in it.
///
/// # Errors
/// It cannot be read or written.
pub fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
