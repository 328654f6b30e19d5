//! Names that lead elsewhere, and roles that say what is not theirs to say. The attacker holds the server and all keys that sign
//! targets: what they publish is taken for an image at most, never for a place to write to.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use ampoule_publish::{KeyFolder, NewKeys};
use anyhow::Result;
use serde_json::Value;
use tough::schema::{DelegatedRole, Delegations, PathPattern, PathSet, Root, Targets};

use crate::forge::{Forge, next, read, sign};
use crate::world::World;
use crate::{Outcome, Prepared};

const MANIFEST: &str = "manifest.json";

pub(super) fn path_in_the_manifest(world: &World) -> Result<Prepared> {
    with_manifest(world, "path-manifest", |manifest| {
        manifest["updates"][0]["images"]["hash"] = Value::from("../../state/updated/record.json");
    })
}

pub(super) fn absolute_path_in_the_manifest(world: &World) -> Result<Prepared> {
    with_manifest(world, "absolute-manifest", |manifest| manifest["updates"][0]["images"]["boot"] = Value::from("/etc/shadow"))
}

/// The root hash is not that of the files.
pub(super) fn manifest_that_contradicts_the_image(world: &World) -> Result<Prepared> {
    with_manifest(world, "contradiction", |manifest| {
        let updates = manifest["updates"].as_array_mut().map(Vec::as_mut_slice).unwrap_or_default();
        updates.iter_mut().for_each(|update| update["root_hash"] = Value::from("ab".repeat(32)));
    })
}

fn with_manifest(world: &World, name: &str, change: fn(&mut Value)) -> Result<Prepared> {
    let repo = world.copy(&world.newest, name)?;
    let path = repo.join("targets").join(super::transport::file(&repo, &world.keys, MANIFEST)?);
    let mut manifest = serde_json::from_slice(&fs::read(path)?)?;
    change(&mut manifest);
    let text = serde_json::to_vec(&manifest)?;
    publish(world, &repo, |forge| forge.add_target(MANIFEST, &text))?;
    world.confront(&[], &repo, Outcome::Refused)
}

/// Names that the manifest does not know: a client that saves all targets must not leave its folder.
pub(super) fn path_in_the_list_of_targets(world: &World) -> Result<Prepared> {
    let repo = world.copy(&world.newest, "path-targets")?;
    publish(world, &repo, |forge| {
        ["../../../../tmp/ampoule-was-here", "/tmp/ampoule-was-here", "a/../../b"]
            .into_iter()
            .try_for_each(|name| forge.add_target(name, b"evil"))
    })?;
    world.confront(&[], &repo, Outcome::Harmless)
}

/// Signs the next version of everything.
pub(super) fn publish(world: &World, repo: &Path, change: impl FnOnce(&mut Forge) -> Result<()>) -> Result<()> {
    let mut forge = Forge::open(repo, &world.keys)?;
    change(&mut forge)?;
    forge.targets.version = next(forge.targets.version)?;
    forge.snapshot.version = next(forge.snapshot.version)?;
    forge.timestamp.version = next(forge.timestamp.version)?;
    forge.sign_targets()?;
    forge.sign_snapshot()?;
    forge.sign_timestamp()
}

/// A role for every name offers another manifest than the one on the list above it.
pub(super) fn delegation_that_shadows_the_manifest(world: &World) -> Result<Prepared> {
    delegated(world, "shadow", "evil", "*", Outcome::Harmless)
}

/// A role offers a manifest although only other names were given to it.
pub(super) fn delegation_beyond_its_paths(world: &World) -> Result<Prepared> {
    delegated(world, "beyond", "evil", "plugins-*", Outcome::Harmless)
}

/// The name of a role is a path to metadata that the client keeps.
pub(super) fn delegated_role_with_a_path_for_a_name(world: &World) -> Result<Prepared> {
    delegated(world, "role-path", "../timestamp", "*", Outcome::Harmless)
}

/// A role that gives everything to itself.
pub(super) fn delegation_in_a_circle(world: &World) -> Result<Prepared> {
    let prepared = delegated(world, "circle", "evil", "*", Outcome::Harmless)?;
    let keys = KeyFolder::open(&world.folder("circle-keys")?)?;
    let repo = prepared.repository.clone();
    let above = Forge::open(&repo, &world.keys)?.targets.delegations;
    let path = repo.join("metadata/1.evil.json");
    let mut evil: Targets = read(&path)?;
    evil.delegations = above;
    sign_delegated(world, &repo, &keys, "evil", &evil)?;
    Ok(prepared)
}

fn delegated(world: &World, name: &str, role: &str, paths: &str, outcome: Outcome) -> Result<Prepared> {
    let repo = world.copy(&world.newest, name)?;
    let new = NewKeys { root_keys: 1, root_threshold: 1, expires: world.now.plus(1 << 24) };
    let keys = KeyFolder::create(&world.folder(&format!("{name}-keys"))?, &new)?;
    let root: Root = read(&keys.root_path())?;
    let given = DelegatedRole {
        name: role.to_owned(),
        keyids: root.keys.keys().cloned().collect(),
        threshold: std::num::NonZeroU64::MIN,
        paths: PathSet::Paths(vec![PathPattern::new(paths)?]),
        terminating: false,
        targets: None,
    };
    publish(world, &repo, |forge| {
        forge.targets.delegations = Some(Delegations { keys: root.keys.clone(), roles: vec![given] });
        Ok(())
    })?;
    let mut evil = Forge::open(&repo, &world.keys)?.targets;
    evil.version = std::num::NonZeroU64::MIN;
    evil.delegations = None;
    evil.targets = HashMap::from([(tough::TargetName::new(MANIFEST)?, crate::forge::target(b"{\"updates\":[]}"))]);
    sign_delegated(world, &repo, &keys, role, &evil)?;
    world.confront(&[], &repo, outcome)
}

/// Signs what the role says with the attacker's keys, and has the snapshot name it.
fn sign_delegated(world: &World, repo: &Path, keys: &KeyFolder, role: &str, evil: &Targets) -> Result<()> {
    let root: Root = read(&keys.root_path())?;
    let text = sign(evil.clone(), &root, &keys.sources()?)?;
    let file = role.replace('/', "%2F");
    fs::write(repo.join(format!("metadata/{}.{file}.json", evil.version)), &text)?;
    let mut forge = Forge::open(repo, &world.keys)?;
    forge.name_role(role, &text, evil.version);
    forge.snapshot.version = next(forge.snapshot.version)?;
    forge.timestamp.version = next(forge.timestamp.version)?;
    forge.sign_snapshot()?;
    forge.sign_timestamp()
}
