//! The files: every target, the manifest, and whether each image is whole.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use ampoule_update::manifest::{MANIFEST, MAX_BOOT, MAX_HASH, MAX_LOADER, MAX_MANIFEST, Manifest, Update};
use ampoule_update::{MAX_SEED, TargetKind, TargetName};
use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};
use tough::Prefix;
use tough::schema::Target;

use super::{Check, Report};
use crate::image::Parts;
use crate::verify;
use ampoule_base::hex;

/// Longest a wave may wait: who published it meant another year.
const LATEST_WAVE: i64 = 90 * super::DAY;

/// Fetches and verifies all targets, then looks at what they are.
pub(super) async fn check(check: &Check<'_>, repository: &tough::Repository, report: &mut Report) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let mut files = BTreeMap::new();
    let targets = &repository.targets().signed;
    if targets.delegations.as_ref().is_some_and(|delegations| !delegations.roles.is_empty()) {
        report.error("the list of targets gives names to other roles; nodes take from the list itself alone");
    }
    let mut all: Vec<_> = targets.targets.iter().map(|(name, target)| (name.clone(), target.clone())).collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    for (name, target) in all {
        let shown = name.raw().to_owned();
        let fetched = fetch(repository, &name, &target, scratch.path()).await;
        if let Some(path) = report.take(&format!("target {shown:?}"), fetched) {
            report.verified += 1;
            files.insert(shown, path);
        }
    }
    let read =
        files.get(MANIFEST).context("it is no target of the repository").and_then(|path| Ok(Manifest::parse(&std::fs::read(path)?)?));
    let Some(manifest) = report.take(MANIFEST, read) else { return Ok(()) };
    for update in &manifest.updates {
        image(update, &files, report);
        waves(update, check, report);
        limit(update, &manifest, report);
    }
    unnamed(&manifest, &files, report);
    if let Some(expected) = check.expect {
        compare(expected, &manifest, report);
    }
    report.manifest = Some(manifest);
    Ok(())
}

async fn fetch(repository: &tough::Repository, name: &tough::TargetName, target: &Target, to: &Path) -> Result<PathBuf> {
    TargetName::try_from(name.raw().to_owned()).context("nodes take no such name")?;
    ensure!(target.length <= longest(name.raw()), "it has {} bytes, more than a node takes for such a file", target.length);
    repository.save_target(name, to, Prefix::None).await?;
    let path = to.join(name.resolved());
    // The library stops at the length that was signed, and takes less for whole if the hash is right.
    ensure!(std::fs::metadata(&path)?.len() == target.length, "its length is not the one that was signed");
    Ok(path)
}

fn longest(name: &str) -> u64 {
    match TargetKind::ALL.into_iter().find(|kind| name.ends_with(kind.ending())) {
        Some(TargetKind::Root) => ampoule_layout::GIB,
        Some(TargetKind::Hash) => MAX_HASH,
        Some(TargetKind::Boot) => MAX_BOOT,
        Some(TargetKind::Loader) => MAX_LOADER,
        None => MAX_MANIFEST as u64,
    }
}

fn image(update: &Update, files: &BTreeMap<String, PathBuf>, report: &mut Report) {
    let what = format!("{} {} {}", update.variant, update.arch, update.version);
    let find = |name: &TargetName, length: u64| -> Result<PathBuf> {
        let path = files.get(name.as_str()).with_context(|| format!("its file {name} is not in the repository, or damaged"))?;
        let found = std::fs::metadata(path)?.len();
        ensure!(found == length, "{name} has {found} bytes, the manifest says {length}");
        Ok(path.clone())
    };
    let (images, size) = (&update.images, &update.size);
    let parts = || -> Result<Parts> {
        Ok(Parts {
            root: find(&images.root, size.root)?,
            hash: find(&images.hash, size.hash)?,
            boot: find(&images.boot, size.boot)?,
            loader: find(&images.loader, size.loader)?,
        })
    };
    if let Some(parts) = report.take(&what, parts()) {
        report.take(&what, verify::image(&parts, &update.arch, update.root_hash, update.root_blocks));
        report.take(&what, kernel(update, &parts.boot));
    }
}

/// A node would put together an image with another kernel in it, find that out, and fetch it whole.
fn kernel(update: &Update, boot: &Path) -> Result<()> {
    let Some(kernel) = &update.kernel else { return Ok(()) };
    let bytes = std::fs::read(boot)?;
    let place = ampoule_update::uki::kernel(&bytes)?;
    ensure!((place.start as u64, place.len() as u64) == (kernel.offset, kernel.size), "its kernel does not lie where the manifest says");
    ensure!(hex(&Sha256::digest(&bytes[place])) == kernel.sha256, "its kernel is not the one that the manifest names");
    Ok(())
}

fn waves(update: &Update, check: &Check, report: &mut Report) {
    let Some((first, _)) = update.waves.bounds().next() else { return };
    let what = format!("{} {}", update.variant, update.version);
    if first > 0 {
        report.warning(format!("{what}: {first} of {MAX_SEED} places lie before the first wave; their nodes take the update at once"));
    }
    let last = update.waves.bounds().last().map_or(check.now, |(_, start)| start);
    if last > check.now.plus(LATEST_WAVE) {
        report.warning(format!("{what}: its last wave starts only at {last}"));
    }
}

fn limit(update: &Update, manifest: &Manifest, report: &mut Report) {
    let alike = manifest.updates.iter().filter(|other| other.variant == update.variant && other.arch == update.arch);
    if !alike.clone().any(|other| other.version == update.max_version) {
        report.warning(format!("{} {}: its max_version {} is not in the repository", update.variant, update.version, update.max_version));
    }
}

fn unnamed(manifest: &Manifest, files: &BTreeMap<String, PathBuf>, report: &mut Report) {
    let images = manifest.updates.iter().map(|update| &update.images);
    let named: BTreeSet<&str> = images.flat_map(|i| [&i.boot, &i.root, &i.hash, &i.loader]).map(TargetName::as_str).collect();
    for name in files.keys().filter(|name| *name != MANIFEST && !named.contains(name.as_str())) {
        report.warning(format!("target {name:?} is not named by the manifest"));
    }
}

/// Says each update that is too many, missing, or another one.
fn compare(expected: &Manifest, found: &Manifest, report: &mut Report) {
    let by_name = |manifest: &Manifest| -> BTreeMap<(String, String, String), Update> {
        let key = |update: &Update| (update.variant.clone(), update.arch.clone(), update.version.to_string());
        manifest.updates.iter().map(|update| (key(update), update.clone())).collect()
    };
    let (wanted, there) = (by_name(expected), by_name(found));
    for (key, update) in &wanted {
        match there.get(key) {
            None => report.error(format!("{} {} {} is expected and not there", key.0, key.1, key.2)),
            Some(other) if other != update => report.error(format!("{} {} {} is not as expected", key.0, key.1, key.2)),
            Some(_) => {}
        }
    }
    for key in there.keys().filter(|key| !wanted.contains_key(*key)) {
        report.error(format!("{} {} {} is there and not expected", key.0, key.1, key.2));
    }
    if expected.migrations != found.migrations {
        report.error("the table of migrations is not as expected");
    }
}
