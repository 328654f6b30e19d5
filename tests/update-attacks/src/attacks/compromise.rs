//! What an attacker can do who has keys: too few, old ones, or enough.

use std::fs;
use std::path::{Path, PathBuf};

use ampoule_publish::{KeyFolder, NewKeys, PemKey};
use anyhow::{Context, Result};
use serde_json::Value;
use tough::key_source::KeySource;
use tough::schema::Root;

use crate::forge::{Forge, next, read, sign};
use crate::world::{EVIL, World, publish_with};
use crate::{NEWEST, Outcome, Prepared};

/// A repository that is right in itself, of somebody else. The attacker holds the server.
pub(super) fn another_publisher(world: &World) -> Result<Prepared> {
    let (_, repo) = attacker(world, "another")?;
    world.confront(&[], &repo, Outcome::Refused)
}

/// Keys of the attacker's own, and a repository that they signed.
fn attacker(world: &World, name: &str) -> Result<(KeyFolder, PathBuf)> {
    let new = NewKeys { root_keys: 1, root_threshold: 1, expires: world.now.plus(1 << 24) };
    let keys = KeyFolder::create(&world.folder(&format!("{name}-keys"))?, &new)?;
    let repo = world.folder(name)?;
    publish_with(&keys, &repo, &world.image(EVIL)?, world.now)?;
    Ok((keys, repo))
}

/// Nothing is signed. The attacker holds the server.
pub(super) fn no_signatures(world: &World) -> Result<Prepared> {
    let repo = world.copy(&world.newest, "unsigned")?;
    edit(&repo.join("metadata/timestamp.json"), |document| document["signatures"] = Value::Array(Vec::new()))?;
    world.confront(&[], &repo, Outcome::Refused)
}

fn edit(path: &Path, change: impl FnOnce(&mut Value)) -> Result<()> {
    let mut document = serde_json::from_slice(&fs::read(path)?)?;
    change(&mut document);
    Ok(fs::write(path, serde_json::to_vec(&document)?)?)
}

/// A second root that gives all roles to the attacker, signed by `holds` of the publisher's root keys, and the attacker's repository.
fn usurp(world: &World, name: &str, holds: usize, outcome: Outcome) -> Result<Prepared> {
    let (keys, repo) = attacker(world, name)?;
    let ours: Root = read(&world.keys.root_path())?;
    let mut root: Root = read(&keys.root_path())?;
    root.version = next(ours.version)?;
    let mut sources: Vec<Box<dyn KeySource>> = Vec::new();
    for number in 1..=holds {
        sources.push(Box::new(PemKey { path: world.keys.dir().join(format!("root-{number}.pem")) }));
    }
    let mut document: Value = serde_json::from_slice(&sign(root.clone(), &root, &keys.sources()?)?)?;
    let theirs: Value = serde_json::from_slice(&sign(root, &ours, &sources)?)?;
    let signatures = document["signatures"].as_array_mut().context("signatures")?;
    signatures.extend(theirs["signatures"].as_array().context("signatures")?.clone());
    fs::write(repo.join("metadata/2.root.json"), serde_json::to_vec(&document)?)?;
    world.confront(&[], &repo, outcome)
}

/// The attacker holds the server and one root key, where two must sign.
pub(super) fn root_under_threshold(world: &World) -> Result<Prepared> {
    usurp(world, "root-under", 1, Outcome::Refused)
}

/// The same, with the one signature twice.
pub(super) fn root_with_one_signature_twice(world: &World) -> Result<Prepared> {
    let prepared = usurp(world, "root-twice", 1, Outcome::Refused)?;
    edit(&prepared.repository.join("metadata/2.root.json"), |document| {
        if let Some(signatures) = document["signatures"].as_array_mut() {
            signatures.extend(signatures.last().cloned());
        }
    })?;
    Ok(prepared)
}

/// The attacker holds the server and two root keys, and so is the publisher. Nothing can refuse it.
pub(super) fn root_over_threshold(world: &World) -> Result<Prepared> {
    usurp(world, "root-over", 2, Outcome::Accepted)
}

/// A root that is signed as it must be stands in the place of its predecessor. The attacker holds the server.
pub(super) fn root_that_skips_a_version(world: &World) -> Result<Prepared> {
    let repo = world.copy(&world.newest, "root-skips")?;
    let ours: Root = read(&world.keys.root_path())?;
    let mut root = ours.clone();
    root.version = next(next(ours.version)?)?;
    fs::write(repo.join("metadata/2.root.json"), sign(root, &ours, &world.keys.sources()?)?)?;
    world.confront(&[], &repo, Outcome::Refused)
}

/// A list of targets with the attacker's image, which no snapshot names. The attacker holds the server and the targets' key.
pub(super) fn targets_key_alone(world: &World) -> Result<Prepared> {
    let repo = world.copy(&world.newest, "targets-alone")?;
    let mut forge = Forge::open(&repo, &world.keys)?;
    let manifest = format!("ampoule-standalone-x86_64-{NEWEST}-uki.efi");
    forge.add_target(&manifest, b"evil")?;
    // Under the version that the snapshot names.
    forge.sign_targets()?;
    world.confront(&[], &repo, Outcome::Refused)
}

/// A new timestamp names a snapshot that the snapshot's key never signed. The attacker holds the server and the timestamp's key.
pub(super) fn timestamp_key_alone(world: &World) -> Result<Prepared> {
    let repo = world.copy(&world.newest, "timestamp-alone")?;
    let (other, _) = attacker(world, "timestamp-alone-other")?;
    let mut forged = Forge::open(&repo, &other)?;
    let version = next(forged.snapshot.version)?;
    forged.snapshot.version = version;
    forged.sign_snapshot()?;
    let named = forged.timestamp.meta.clone();
    let mut forge = Forge::open(&repo, &world.keys)?;
    forge.timestamp.version = next(forge.timestamp.version)?;
    forge.timestamp.meta = named;
    forge.sign_timestamp()?;
    world.confront(&[], &repo, Outcome::Refused)
}

/// The attacker holds the server and the keys of targets, snapshot and timestamp, and so publishes what they like until the
/// publisher makes a new root. Nothing can refuse it.
pub(super) fn all_signing_keys(world: &World) -> Result<Prepared> {
    let repo = world.copy(&world.newest, "all-keys")?;
    world.publish(&repo, EVIL, world.now)?;
    world.confront(&[], &repo, Outcome::Accepted)
}

/// The attacker holds the server and keys that the publisher has replaced since, and the client knows that.
pub(super) fn a_key_that_was_replaced(world: &World) -> Result<Prepared> {
    let stolen = all_signing_keys(world)?.repository;
    let repo = world.copy(&world.newest, "replaced")?;
    world.rotate(&repo, &["targets", "snapshot", "timestamp"])?;
    let evil = world.copy(&stolen, "replaced-evil")?;
    fs::copy(world.keys.root_path(), evil.join("metadata/2.root.json"))?;
    world.confront(&[&repo], &evil, Outcome::Refused)
}
