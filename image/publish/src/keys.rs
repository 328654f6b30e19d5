//! A folder with the root of trust and the private keys that sign a repository.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ampoule_update::Timestamp;
use anyhow::{Context, Result, ensure};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::Ed25519KeyPair;
use tough::key_source::KeySource;
use tough::schema::{RoleType, Root, Signed};
use tough::sign::Sign;

use crate::root::{self, RoleKeys};
use crate::source::{KeyUri, PemKey, RemoteKey, read_key};

/// Most keys that a root may have; more would be nobody's to keep apart.
const MOST_KEYS: u32 = 16;

/// What [`KeyFolder::create`] makes.
#[derive(Debug, Clone, Copy)]
pub struct NewKeys {
    /// Keys of the root role.
    pub root_keys: u32,
    /// How many of them must sign a root.
    pub root_threshold: u32,
    /// Until when the root holds.
    pub expires: Timestamp,
}

/// A folder with `root.json` (the newest), `N.root.json` (each version) and private keys: PEM files with PKCS #8 (Ed25519, ECDSA P-256,
/// RSA). A key that lies elsewhere is named by a file `ROLE-N.uri` with a [`KeyUri`] on its one line; one that is needed only now and then, such
/// as that of a root on a medium in a safe, is put or linked into it while it is.
#[derive(Debug, Clone)]
pub struct KeyFolder {
    dir: PathBuf,
}

/// What the name of a private key ends with.
const PEM: &str = "pem";
/// What the name of a file ends with that says where a key lies.
const URI: &str = "uri";

/// Where private keys go that no role has any more.
const RETIRED: &str = "retired";

/// A key that is there already and that a role shall have, in place of one that is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// `root`, `targets`, `snapshot` or `timestamp`.
    pub role: String,
    /// Where it lies.
    pub uri: KeyUri,
}

/// The roles whose keys sign at each publication.
pub(crate) const ONLINE: [(&str, RoleType); 3] =
    [("targets", RoleType::Targets), ("snapshot", RoleType::Snapshot), ("timestamp", RoleType::Timestamp)];

impl KeyFolder {
    /// Makes the folder `dir` with new Ed25519 keys, `root-1.pem` … `targets-1.pem` and so on, and a first `root.json`.
    ///
    /// # Errors
    /// There is a root already, the threshold cannot be reached, or the folder cannot be written.
    pub fn create(dir: &Path, new: &NewKeys) -> Result<Self> {
        Self::create_with(dir, new, &[])
    }

    /// The same with keys that are there already: a role for which one is given gets no other.
    ///
    /// # Errors
    /// Those of [`KeyFolder::create`], and of keys that cannot be used; nothing is then left in the folder.
    pub fn create_with(dir: &Path, new: &NewKeys, given: &[Given]) -> Result<Self> {
        ensure!((1..=MOST_KEYS).contains(&new.root_keys), "a root has 1 to {MOST_KEYS} keys");
        ensure!((1..=new.root_keys).contains(&new.root_threshold), "the threshold is 1 to the number of root keys");
        fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let folder = Self { dir: dir.to_owned() };
        ensure!(!folder.root_path().exists(), "{} has a root of trust already; `publish rotate-root` replaces keys", dir.display());
        let mut made = Vec::new();
        let first = folder.first_root(new, given, &mut made).inspect_err(|_| made.iter().for_each(Made::undo))?;
        folder.keep_root(&first)?;
        Ok(folder)
    }

    fn first_root(&self, new: &NewKeys, given: &[Given], made: &mut Vec<Made>) -> Result<Vec<u8>> {
        let mut roles = Vec::new();
        for (name, role, count, threshold) in
            [("root", RoleType::Root, new.root_keys, new.root_threshold)].into_iter().chain(ONLINE.map(|(name, role)| (name, role, 1, 1)))
        {
            let keys = self.keys_for(name, count, given)?;
            let public = keys.public();
            made.push(keys);
            roles.push((role, public?, threshold));
        }
        crate::wait(root::sign(root::first(roles, new.expires)?, None, &self.sources()?))
    }

    /// The folder `dir`, which [`KeyFolder::create`] made.
    ///
    /// # Errors
    /// It has no root of trust.
    pub fn open(dir: &Path) -> Result<Self> {
        let folder = Self { dir: dir.to_owned() };
        ensure!(folder.root_path().is_file(), "{} has no root.json: `publish keys` makes one", dir.display());
        Ok(folder)
    }

    /// Where the newest `root.json` is: what goes into images.
    pub fn root_path(&self) -> PathBuf {
        self.dir.join("root.json")
    }

    /// The folder itself.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn root(&self) -> Result<Signed<Root>> {
        let path = self.root_path();
        let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("{} is not a root of trust", path.display()))
    }

    /// All keys of the folder, those that lie elsewhere too. Which role each may sign is the root's to say.
    ///
    /// # Errors
    /// There is none, or a name of one cannot be read.
    pub fn sources(&self) -> Result<Vec<Box<dyn KeySource>>> {
        let paths = self.key_files()?;
        ensure!(!paths.is_empty(), "{} has no keys (*.pem, *.uri)", self.dir.display());
        paths.iter().map(|path| source(path)).collect()
    }

    fn key_files(&self) -> Result<Vec<PathBuf>> {
        let mut paths = Vec::new();
        for entry in fs::read_dir(&self.dir).with_context(|| format!("cannot list {}", self.dir.display()))? {
            let path = entry?.path();
            if path.extension().is_some_and(|end| end == PEM || end == URI) {
                paths.push(path);
            }
        }
        paths.sort();
        Ok(paths)
    }

    /// All versions of the root, as `N.root.json`.
    pub(crate) fn roots(&self) -> Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            if path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(".root.json")) {
                found.push(path);
            }
        }
        ensure!(!found.is_empty(), "{} has no N.root.json", self.dir.display());
        Ok(found)
    }

    /// Writes a root as the newest.
    pub(crate) fn keep_root(&self, text: &[u8]) -> Result<()> {
        let root: Signed<Root> = serde_json::from_slice(text)?;
        for name in [format!("{}.root.json", root.signed.version), "root.json".to_owned()] {
            crate::repository::write_whole(&self.dir.join(name), text)?;
        }
        Ok(())
    }

    /// The keys that a role shall have: those given for it, else `count` new ones. They are numbered on from those that are and were.
    pub(crate) fn keys_for(&self, role: &str, count: u32, given: &[Given]) -> Result<Made> {
        let given: Vec<_> = given.iter().filter(|given| given.role == role).map(|given| &given.uri).collect();
        let (mut number, mut made) = (self.next_number(role)?, Made::default());
        let kept = match given.is_empty() {
            true => (0..count).try_for_each(|_| made.keep(self, role, &mut number, PEM, write_key)),
            false if given.len() == usize::try_from(count)? => {
                given.iter().try_for_each(|uri| made.keep(self, role, &mut number, URI, |path| write_uri(path, uri)))
            }
            false => Err(anyhow::anyhow!(
                "{role} shall have {count} keys, and {} are given: as many must be given as it has, or none",
                given.len()
            )),
        };
        kept.inspect_err(|_| made.undo())?;
        Ok(made)
    }

    fn next_number(&self, role: &str) -> Result<u32> {
        let mut highest = 0;
        for dir in [self.dir.clone(), self.dir.join(RETIRED)] {
            for entry in fs::read_dir(dir).into_iter().flatten() {
                let number = stem(&entry?.path()).strip_prefix(role).and_then(|rest| rest.strip_prefix('-')?.parse().ok());
                highest = highest.max(number.unwrap_or(0));
            }
        }
        Ok(highest + 1)
    }

    /// Puts the private keys that no role of `root` has any more into `retired/`.
    pub(crate) fn retire(&self, root: &Root) -> Result<Vec<PathBuf>> {
        let retired = self.dir.join(RETIRED);
        let mut moved = Vec::new();
        for path in self.key_files()? {
            if root.key_id(&*signer(&path)?).is_none() {
                fs::create_dir_all(&retired)?;
                let to = retired.join(path.file_name().unwrap_or_default());
                fs::rename(&path, &to).with_context(|| format!("cannot move {} away", path.display()))?;
                moved.push(to);
            }
        }
        moved.sort();
        Ok(moved)
    }
}

/// Private keys that were just made.
#[derive(Debug, Default)]
pub(crate) struct Made(Vec<PathBuf>);

impl Made {
    fn keep(&mut self, folder: &KeyFolder, role: &str, number: &mut u32, end: &str, write: impl Fn(&Path) -> Result<()>) -> Result<()> {
        let path = folder.dir.join(format!("{role}-{number}.{end}"));
        write(&path).with_context(|| format!("cannot make the key {}", path.display()))?;
        self.0.push(path);
        *number += 1;
        Ok(())
    }

    /// Their public halves.
    pub(crate) fn public(&self) -> Result<RoleKeys> {
        RoleKeys::of(&self.0.iter().map(|path| signer(path)).collect::<Result<Vec<_>>>()?)
    }

    /// Removes them again.
    pub(crate) fn undo(&self) {
        for path in &self.0 {
            // A key that no root names does no harm.
            let _ = fs::remove_file(path);
        }
    }
}

/// A key of the folder, or one that lies elsewhere.
fn source(path: &Path) -> Result<Box<dyn KeySource>> {
    match path.extension().is_some_and(|end| end == URI) {
        true => Ok(Box::new(remote(path)?)),
        false => Ok(Box::new(PemKey { path: path.to_owned() })),
    }
}

fn signer(path: &Path) -> Result<Box<dyn Sign>> {
    if path.extension().is_some_and(|end| end == URI) { remote(path)?.signer() } else { read_key(path) }
}

fn remote(path: &Path) -> Result<RemoteKey> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(RemoteKey { uri: text.parse().with_context(|| format!("{} is wrong", path.display()))? })
}

fn write_uri(path: &Path, uri: &KeyUri) -> Result<()> {
    let mut file = fs::File::options().write(true).create_new(true).open(path)?;
    file.write_all(format!("{uri}\n").as_bytes())?;
    Ok(file.sync_all()?)
}

fn write_key(path: &Path) -> Result<()> {
    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| anyhow::anyhow!("no random numbers"))?;
    let text = pem::encode(&pem::Pem::new("PRIVATE KEY", document.as_ref()));
    let mut file = fs::File::options().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    Ok(file.sync_all()?)
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn new(root_keys: u32, root_threshold: u32) -> NewKeys {
        NewKeys { root_keys, root_threshold, expires: "2030-01-01T00:00:00Z".parse().expect("a time") }
    }

    #[test]
    fn a_root_is_signed_by_its_own_keys_and_names_a_key_for_each_role() {
        let dir = tempfile::tempdir().expect("a directory");
        let folder = KeyFolder::create(dir.path(), &new(3, 2)).expect("made");
        let root = folder.root().expect("a root");
        assert!(root.signed.verify_role(&root).is_ok() && root.signatures.len() == 3);
        assert_eq!((root.signed.version.get(), root.signed.consistent_snapshot), (1, true));
        assert_eq!(root.signed.roles[&RoleType::Root].threshold.get(), 2);
        for (_, role) in ONLINE {
            assert_eq!(root.signed.keys(role).count(), 1);
        }
        assert_eq!(root.signed.keys.len(), 6, "each role has a key of its own");
        let mode = fs::metadata(dir.path().join("root-1.pem")).expect("a key").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn nothing_that_is_there_is_overwritten_and_thresholds_can_be_reached() {
        let dir = tempfile::tempdir().expect("a directory");
        KeyFolder::create(dir.path(), &new(1, 1)).expect("made");
        assert!(KeyFolder::create(dir.path(), &new(1, 1)).expect_err("refused").to_string().contains("rotate-root"));
        for (keys, threshold) in [(0, 0), (1, 2), (17, 1), (2, 0)] {
            assert!(KeyFolder::create(&dir.path().join("b"), &new(keys, threshold)).is_err(), "{keys} {threshold}");
        }
    }
}
