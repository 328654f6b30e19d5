//! What a server can do without any key.

use std::fs;
use std::path::{Path, PathBuf};

use ampoule_publish::KeyFolder;
use anyhow::{Context, Result};

use crate::forge::Forge;
use crate::server::Behaviour;
use crate::world::World;
use crate::{NEWEST, Outcome, Prepared};
use ampoule_base::hex;

const TREE: &str = "root.verity";

pub(super) fn endless_metadata(world: &World) -> Result<Prepared> {
    served(world, Behaviour::Endless("timestamp.json"))
}

pub(super) fn endless_file(world: &World) -> Result<Prepared> {
    served(world, Behaviour::Endless(TREE))
}

pub(super) fn slow_retrieval(world: &World) -> Result<Prepared> {
    served(world, Behaviour::Slow("targets.json"))
}

pub(super) fn a_server_that_says_nothing(world: &World) -> Result<Prepared> {
    served(world, Behaviour::Silent("snapshot.json"))
}

pub(super) fn a_file_that_breaks_off(world: &World) -> Result<Prepared> {
    served(world, Behaviour::Cut(TREE))
}

fn served(world: &World, behaviour: Behaviour) -> Result<Prepared> {
    Ok(Prepared { behaviour, ..world.confront(&[], &world.newest, Outcome::Refused)? })
}

pub(super) fn wrong_length_shorter(world: &World) -> Result<Prepared> {
    changed(world, "shorter", |bytes| bytes.truncate(bytes.len() - 1))
}

pub(super) fn wrong_length_longer(world: &World) -> Result<Prepared> {
    changed(world, "longer", |bytes| bytes.push(0))
}

pub(super) fn wrong_hash(world: &World) -> Result<Prepared> {
    changed(world, "flipped", |bytes| {
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
    })
}

/// Changes the hash tree of the newest version.
fn changed(world: &World, name: &str, change: fn(&mut Vec<u8>)) -> Result<Prepared> {
    let repo = world.copy(&world.newest, name)?;
    let path = tree(world, &repo)?;
    let mut bytes = fs::read(&path)?;
    change(&mut bytes);
    fs::write(&path, bytes)?;
    world.confront(&[], &repo, Outcome::Refused)
}

/// A byte inside what is signed is another one, and the file is JSON as before.
pub(super) fn wrong_hash_of_metadata(world: &World) -> Result<Prepared> {
    let repo = world.copy(&world.newest, "flipped-metadata")?;
    let path = repo.join("metadata/timestamp.json");
    let text = fs::read_to_string(&path)?;
    let later = text.replacen("\"version\": 2", "\"version\": 9", 1);
    anyhow::ensure!(later != text, "the timestamp is in its version 2");
    fs::write(&path, later)?;
    world.confront(&[], &repo, Outcome::Refused)
}

pub(super) fn a_missing_file(world: &World) -> Result<Prepared> {
    let repo = world.copy(&world.newest, "missing-file")?;
    fs::remove_file(tree(world, &repo)?)?;
    world.confront(&[], &repo, Outcome::Refused)
}

pub(super) fn missing_metadata(world: &World) -> Result<Prepared> {
    let repo = world.copy(&world.newest, "missing-metadata")?;
    fs::remove_file(repo.join("metadata/2.snapshot.json"))?;
    world.confront(&[], &repo, Outcome::Refused)
}

fn tree(world: &World, repo: &Path) -> Result<PathBuf> {
    let name = format!("ampoule-standalone-x86_64-{NEWEST}-{TREE}");
    Ok(repo.join("targets").join(file(repo, &world.keys, &name)?))
}

/// Name of the file of a target.
pub(super) fn file(repo: &Path, keys: &KeyFolder, name: &str) -> Result<String> {
    let forge = Forge::open(repo, keys)?;
    let target = forge.targets.targets.get(&tough::TargetName::new(name)?).with_context(|| format!("there is {name}"))?;
    Ok(format!("{}.{name}", hex(&target.hashes.sha256)))
}
