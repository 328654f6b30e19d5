//! A new version of the root of trust: other keys, a later end, or both.

use std::path::{Path, PathBuf};

use ampoule_update::Timestamp;
use anyhow::{Context, Result, ensure};
use tough::schema::{RoleType, Root};

use crate::keys::{Given, KeyFolder, Made, ONLINE};
use crate::repository::{self, Repository};
use crate::root;
use crate::time::{self, Lifetimes};

/// What a new root changes.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// Roles that get new keys: `root`, `targets`, `snapshot`, `timestamp`.
    pub replace: Vec<String>,
    /// Number of root keys and threshold, if `root` is replaced; else as they are.
    pub root_keys: Option<(u32, u32)>,
    /// Keys for roles that are replaced, in place of new ones.
    pub given: Vec<Given>,
    /// Until when the new root holds.
    pub expires: Timestamp,
    /// How long the metadata holds that must be signed anew.
    pub lifetimes: Lifetimes,
    /// This moment.
    pub now: Timestamp,
}

/// What a rotation did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// Version of the new root.
    pub version: u64,
    /// Where the private keys went that have no role any more.
    pub retired: Vec<PathBuf>,
}

/// Makes the next version of the root in `keys`, signed by the keys before and after, and puts it into the repository `repo`, whose
/// metadata is signed anew. Nodes that trust any earlier version follow; images need no new one.
///
/// # Errors
/// A name is no role, too few of the old keys are in the folder, or something cannot be written; the folder's root is then as it was.
pub fn rotate(keys: &KeyFolder, repo: Option<&Path>, rotation: &Rotation) -> Result<Rotated> {
    let before = keys.root()?.signed;
    let mut after = before.clone();
    after.version = after.version.checked_add(1).context("the root has no version left")?;
    after.expires = time::to_tuf(rotation.expires)?;
    let mut made = Vec::new();
    let text = replace(keys, &mut after, rotation, &mut made)
        .and_then(|()| crate::wait(root::sign(after.clone(), Some(&before), &keys.sources()?)))
        .inspect_err(|_| made.iter().for_each(Made::undo))?;
    keys.keep_root(&text)?;
    let retired = keys.retire(&after)?;
    if let Some(repo) = repo {
        repository::refresh(&Repository::new(repo), keys, rotation.lifetimes, rotation.now)?;
    }
    Ok(Rotated { version: after.version.get(), retired })
}

fn replace(keys: &KeyFolder, root: &mut Root, rotation: &Rotation, made: &mut Vec<Made>) -> Result<()> {
    for name in &rotation.replace {
        let role =
            if name == "root" { Some(RoleType::Root) } else { ONLINE.iter().find(|(known, _)| known == name).map(|(_, role)| *role) };
        let role = role.with_context(|| format!("{name} is no role: root, targets, snapshot or timestamp"))?;
        let before = root.roles.get(&role).with_context(|| format!("the root has no role {name}"))?;
        let as_before = (u32::try_from(before.keyids.len())?, u32::try_from(before.threshold.get())?);
        let wanted = if role == RoleType::Root { rotation.root_keys } else { None };
        let (count, threshold) = wanted.unwrap_or(as_before);
        ensure!((1..=count).contains(&threshold), "the threshold is 1 to the number of root keys");
        let new = keys.keys_for(name, count, &rotation.given)?;
        let public = new.public();
        made.push(new);
        root::give(root, role, public?, threshold)?;
    }
    Ok(())
}
