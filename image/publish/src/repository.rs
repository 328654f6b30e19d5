//! Repositories in a folder: adding images, taking versions out, signing anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use ampoule_migrate::Migration;
use ampoule_update::manifest::{MANIFEST, Manifest, Update};
use ampoule_update::{TargetKind, Timestamp, Waves, migrations};
use anyhow::{Context, Result, bail, ensure};
use semver::Version;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use tough::editor::RepositoryEditor;
use tough::schema::{Role, Root, Signed, Snapshot, Target, Targets};

use crate::image::{Image, Parts};
use crate::keys::KeyFolder;
use crate::time::{self, Lifetimes};

/// A repository in a folder: `metadata/`, and `targets/` with files named `SHA256.NAME`.
#[derive(Debug, Clone)]
pub struct Repository {
    dir: PathBuf,
}

/// What [`publish`] does.
#[derive(Debug, Clone)]
pub struct Publish<'a> {
    /// Built images to add. One whose version is there already only gets other waves; its contents must be the same.
    pub images: &'a [Image],
    /// When which part of the fleet takes them.
    pub waves: Waves,
    /// The newest version that nodes shall run; else the newest that is there.
    pub max_version: Option<Version>,
    /// Versions to take out, of the variants of `images` or, without images, of all.
    pub remove: &'a [Version],
    /// How long the metadata holds.
    pub lifetimes: Lifetimes,
    /// This moment.
    pub now: Timestamp,
}

/// What is in the repository now.
#[derive(Debug, Clone)]
pub struct Published {
    /// The manifest as nodes see it.
    pub manifest: Manifest,
    /// Version of the list of targets.
    pub version: u64,
}

impl Repository {
    /// The repository in `dir`, which need not exist yet.
    pub fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    /// Folder with the signed metadata.
    pub fn metadata(&self) -> PathBuf {
        self.dir.join("metadata")
    }

    /// Folder with the files.
    pub fn targets(&self) -> PathBuf {
        self.dir.join("targets")
    }

    /// The files of a version, where they lie; nothing is verified.
    ///
    /// # Errors
    /// It is not there.
    pub fn parts(&self, variant: &str, version: &Version) -> Result<Parts> {
        let (_, _, targets) = self.newest()?;
        let find = |name: &str| -> Result<PathBuf> {
            let name = tough::TargetName::new(name)?;
            let target = targets.signed.targets.get(&name).with_context(|| format!("the repository has no target {}", name.raw()))?;
            Ok(self.file(name.raw(), target))
        };
        let manifest = Manifest::parse(&fs::read(find(MANIFEST)?)?)?;
        let update = manifest.updates.iter().find(|update| update.variant == variant && update.version == *version);
        let images = &update.with_context(|| format!("the repository has no version {version} of {variant}"))?.images;
        let (root, hash) = (find(images.root.as_str())?, find(images.hash.as_str())?);
        Ok(Parts { root, hash, boot: find(images.boot.as_str())?, loader: find(images.loader.as_str())? })
    }

    /// Bytes of the metadata that a node fetches: timestamp, snapshot, list of targets and manifest.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn metadata_bytes(&self) -> Result<u64> {
        let (timestamp, snapshot, targets) = self.newest()?;
        let own = fs::metadata(self.metadata().join("timestamp.json"))?.len();
        let named = timestamp.signed.meta.values().chain(snapshot.signed.meta.values()).filter_map(|file| file.length).sum::<u64>();
        let manifest = targets.signed.targets.iter().find(|(name, _)| name.raw() == MANIFEST).map_or(0, |(_, target)| target.length);
        Ok(own + named + manifest)
    }

    /// Its newest metadata, as it lies there.
    fn newest(&self) -> Result<(Signed<tough::schema::Timestamp>, Signed<Snapshot>, Signed<Targets>)> {
        let metadata = self.metadata();
        let timestamp: Signed<tough::schema::Timestamp> = read_json(&metadata.join("timestamp.json"))?;
        let number = timestamp.signed.meta.get("snapshot.json").context("timestamp.json names no snapshot")?.version;
        let snapshot: Signed<Snapshot> = read_json(&metadata.join(format!("{number}.snapshot.json")))?;
        let number = snapshot.signed.meta.get("targets.json").context("the snapshot names no targets")?.version;
        let targets = read_json(&metadata.join(format!("{number}.targets.json")))?;
        Ok((timestamp, snapshot, targets))
    }

    /// Where the file of a target is.
    pub(crate) fn file(&self, name: &str, target: &Target) -> PathBuf {
        self.targets().join(format!("{}.{name}", ampoule_base::hex(&target.hashes.sha256)))
    }
}

/// What a repository holds before it is changed.
struct State {
    targets: BTreeMap<String, Target>,
    /// Versions of targets, snapshot and timestamp; 0 if there are none yet.
    versions: [u64; 3],
}

/// Adds images to the repository or makes it; nothing that is there is dropped unless it is named in `remove`.
///
/// # Errors
/// A version is there with other contents, a version to remove is not there, the repository's own metadata is not signed by the keys'
/// root, or something cannot be written. Nodes see either the old or the new contents.
pub fn publish(repo: &Repository, keys: &KeyFolder, request: &Publish) -> Result<Published> {
    let mut state = State::read(repo, keys)?;
    let mut manifest = state.manifest(repo)?;
    for version in request.remove {
        remove(&mut manifest, version, request.images)?;
    }
    for image in request.images {
        add(&mut manifest, image, request)?;
        add_migrations(&mut manifest, image)?;
    }
    raise_max_versions(&mut manifest, request);
    fs::create_dir_all(repo.targets()).with_context(|| format!("cannot make {}", repo.targets().display()))?;
    for image in request.images {
        for kind in TargetKind::ALL {
            state.add(repo, image.target(kind)?.as_str(), image.parts.file(kind))?;
        }
    }
    let text = manifest.to_json()?;
    let scratch = tempfile::tempdir_in(&repo.dir)?;
    let path = scratch.path().join(MANIFEST);
    fs::write(&path, text)?;
    state.add(repo, MANIFEST, &path)?;
    state.keep_only(&manifest);
    let version = sign(repo, keys, &state, request.lifetimes, request.now)?;
    if !request.remove.is_empty() {
        state.sweep(repo)?;
    }
    Ok(Published { manifest, version })
}

/// Signs all metadata anew, with later expiry and nothing else changed.
///
/// # Errors
/// There is no repository, its metadata is not signed by the keys' root, or something cannot be written.
pub fn refresh(repo: &Repository, keys: &KeyFolder, lifetimes: Lifetimes, now: Timestamp) -> Result<()> {
    let state = State::read(repo, keys)?;
    ensure!(state.versions[0] > 0, "there is no repository in {}: `publish repo` makes one", repo.dir.display());
    sign(repo, keys, &state, lifetimes, now).map(drop)
}

fn add(manifest: &mut Manifest, image: &Image, request: &Publish) -> Result<()> {
    let update = image.update(request.waves.clone(), image.version.clone())?;
    let same = |other: &&mut Update| (&other.variant, &other.arch, &other.version) == (&update.variant, &update.arch, &update.version);
    match manifest.updates.iter_mut().find(same) {
        None => manifest.updates.push(update),
        Some(there) if there.root_hash == update.root_hash && there.size == update.size => {
            (there.waves, there.kernel) = (update.waves, update.kernel);
        }
        Some(there) => bail!(
            "{} {} is published already with root hash {}: a version never changes, raise it",
            there.variant,
            there.version,
            there.root_hash
        ),
    }
    Ok(())
}

/// What versions do to settings is the same in every image that knows them: a step that was released never changes.
fn add_migrations(manifest: &mut Manifest, image: &Image) -> Result<()> {
    for Migration { from, to, changes } in &image.migrations {
        let key = migrations::key(from, to);
        let there = manifest.migrations.entry(key.clone()).or_insert_with(|| changes.clone());
        ensure!(
            there == changes,
            "image {} says of the settings from {key} what another image does not: a step that was published never changes",
            image.version
        );
    }
    Ok(())
}

fn remove(manifest: &mut Manifest, version: &Version, images: &[Image]) -> Result<()> {
    let concerned = |update: &Update| images.is_empty() || images.iter().any(|i| i.variant == update.variant && i.arch == update.arch);
    let before = manifest.updates.len();
    manifest.updates.retain(|update| !(update.version == *version && concerned(update)));
    ensure!(manifest.updates.len() < before, "version {version} is not in the repository, so it cannot be removed");
    Ok(())
}

/// As Bottlerocket's tool: one for all versions of a variant.
fn raise_max_versions(manifest: &mut Manifest, request: &Publish) {
    let mut newest: BTreeMap<(String, String), Version> = BTreeMap::new();
    for update in &manifest.updates {
        let entry = newest.entry((update.variant.clone(), update.arch.clone())).or_insert_with(|| update.version.clone());
        *entry = entry.clone().max(update.version.clone());
    }
    for update in &mut manifest.updates {
        let newest = newest.get(&(update.variant.clone(), update.arch.clone()));
        update.max_version = request.max_version.clone().or(newest.cloned()).unwrap_or_else(|| update.version.clone());
    }
    manifest.updates.sort_by(|a, b| (&a.variant, &a.arch, &a.version).cmp(&(&b.variant, &b.arch, &b.version)));
}

impl State {
    /// What the repository holds, if its list of targets is signed as it must be: whoever can write the folder must not get
    /// files of theirs signed.
    fn read(repo: &Repository, keys: &KeyFolder) -> Result<Self> {
        if !repo.metadata().join("timestamp.json").exists() {
            return Ok(Self { targets: BTreeMap::new(), versions: [0; 3] });
        }
        let (timestamp, snapshot, targets) = repo.newest()?;
        let trusted = trusted(repo, keys)?;
        signed_by(&trusted, &timestamp)?;
        signed_by(&trusted, &snapshot)?;
        signed_by(&trusted, &targets)?;
        let delegates = targets.signed.delegations.as_ref().is_some_and(|delegations| !delegations.roles.is_empty());
        ensure!(!delegates, "this repository delegates to other roles, which was not made by this program and would be lost");
        let versions = [targets.signed.version, snapshot.signed.version, timestamp.signed.version].map(NonZeroU64::get);
        let targets = targets.signed.targets.into_iter().map(|(name, target)| (name.raw().to_owned(), target)).collect();
        Ok(Self { targets, versions })
    }

    fn manifest(&self, repo: &Repository) -> Result<Manifest> {
        let Some(target) = self.targets.get(MANIFEST) else { return Ok(Manifest::default()) };
        let path = repo.file(MANIFEST, target);
        let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        ensure!(Sha256::digest(&text).as_slice() == &*target.hashes.sha256, "{} is not the file that was signed", path.display());
        Ok(Manifest::parse(&text)?)
    }

    /// Puts a file where nodes look for it.
    fn add(&mut self, repo: &Repository, name: &str, from: &Path) -> Result<()> {
        let target = crate::wait(async { Ok(Target::from_path(from).await?) })?;
        let to = repo.file(name, &target);
        if !fs::metadata(&to).is_ok_and(|there| there.len() == target.length) {
            copy_whole(from, &to)?;
        }
        self.targets.insert(name.to_owned(), target);
        Ok(())
    }

    /// Forgets targets that the manifest does not name.
    fn keep_only(&mut self, manifest: &Manifest) {
        let images = manifest.updates.iter().map(|update| &update.images);
        let mut named: BTreeSet<&str> = images.flat_map(|i| [&i.boot, &i.root, &i.hash, &i.loader]).map(|name| name.as_str()).collect();
        named.insert(MANIFEST);
        self.targets.retain(|name, _| named.contains(name.as_str()));
    }

    /// Removes files that no target names.
    fn sweep(&self, repo: &Repository) -> Result<()> {
        let kept: BTreeSet<PathBuf> = self.targets.iter().map(|(name, target)| repo.file(name, target)).collect();
        for entry in fs::read_dir(repo.targets())? {
            let path = entry?.path();
            if !kept.contains(&path) {
                fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
            }
        }
        Ok(())
    }
}

/// The roots by which the repository may be signed: the newest and, until the repository has that, the one before it.
fn trusted(repo: &Repository, keys: &KeyFolder) -> Result<Vec<Root>> {
    let newest = keys.root()?.signed;
    let unfinished = !repo.metadata().join(format!("{}.root.json", newest.version)).exists();
    let mut trusted = Vec::new();
    if unfinished && newest.version.get() > 1 {
        let before: Signed<Root> = read_json(&keys.dir().join(format!("{}.root.json", newest.version.get() - 1)))?;
        trusted.push(before.signed);
    }
    trusted.push(newest);
    Ok(trusted)
}

fn signed_by<T: Role + serde::Serialize>(roots: &[Root], role: &Signed<T>) -> Result<()> {
    let valid = roots.iter().any(|root| root.verify_role(role).is_ok());
    ensure!(valid, "the repository's {} is not signed by the keys of this root: it is another repository, or somebody changed it", T::TYPE);
    Ok(())
}

/// Signs the state as the next version and puts it in place; gives the version of the list of targets.
fn sign(repo: &Repository, keys: &KeyFolder, state: &State, lifetimes: Lifetimes, now: Timestamp) -> Result<u64> {
    let next = |index: usize| NonZeroU64::MIN.checked_add(state.versions[index]).context("no version is left");
    let until = |lifetime: i64| time::to_tuf(now.plus(lifetime));
    let (targets, snapshot, timestamp) = (next(0)?, next(1)?, next(2)?);
    let new = tempfile::tempdir_in(&repo.dir)?;
    crate::wait(async {
        let mut editor = RepositoryEditor::new(keys.root_path()).await?;
        for (name, target) in &state.targets {
            editor.add_target(name.as_str(), target.clone())?;
        }
        editor.targets_version(targets)?.targets_expires(until(lifetimes.targets)?)?;
        editor.snapshot_version(snapshot).snapshot_expires(until(lifetimes.snapshot)?);
        editor.timestamp_version(timestamp).timestamp_expires(until(lifetimes.timestamp)?);
        let signed = editor.sign(&keys.sources()?).await.context("the keys in the folder cannot sign the repository")?;
        Ok(signed.write(new.path()).await?)
    })?;
    fs::create_dir_all(repo.metadata())?;
    let names = [format!("{targets}.targets.json"), format!("{snapshot}.snapshot.json"), "timestamp.json".to_owned()];
    for name in names {
        write_whole(&repo.metadata().join(&name), &fs::read(new.path().join(&name))?)?;
    }
    // Last: as long as the newest is missing, what its predecessor signed still counts as ours.
    let mut roots = keys.roots()?;
    roots.sort_by_key(|path| (path.as_os_str().len(), path.clone()));
    for path in roots {
        write_whole(&repo.metadata().join(path.file_name().unwrap_or_default()), &fs::read(&path)?)?;
    }
    Ok(targets.get())
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is not metadata of a repository", path.display()))
}

/// Writes a file so that it is either the old or the new one.
pub(crate) fn write_whole(path: &Path, text: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|there| there == text) {
        return Ok(());
    }
    let parent = path.parent().context("a file lies in a folder")?;
    let mut file = tempfile::NamedTempFile::new_in(parent).with_context(|| format!("cannot write into {}", parent.display()))?;
    file.write_all(text)?;
    keep(file, path)
}

fn copy_whole(from: &Path, to: &Path) -> Result<()> {
    let parent = to.parent().context("a file lies in a folder")?;
    let mut file = tempfile::NamedTempFile::new_in(parent).with_context(|| format!("cannot write into {}", parent.display()))?;
    std::io::copy(&mut fs::File::open(from)?, &mut file).with_context(|| format!("cannot copy {}", from.display()))?;
    keep(file, to)
}

/// A web server reads it as another user.
fn keep(file: tempfile::NamedTempFile, path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
    file.as_file().sync_all()?;
    file.persist(path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(())
}
