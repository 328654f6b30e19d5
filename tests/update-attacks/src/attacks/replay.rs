//! Old metadata, other combinations of it, and versions that leave no room.

use std::fs;
use std::num::NonZeroU64;

use anyhow::Result;

use crate::forge::{Forge, next};
use crate::world::World;
use crate::{NEWEST, Outcome, Prepared};

const DAY: i64 = 86_400;

/// The server goes back to what it had before. The attacker holds the server.
pub(super) fn rollback(world: &World) -> Result<Prepared> {
    world.confront(&[&world.newest], &world.older, Outcome::Refused)
}

/// A new timestamp names an old snapshot. The attacker holds the server and the timestamp's key.
pub(super) fn rollback_of_the_snapshot(world: &World) -> Result<Prepared> {
    let repo = world.copy(&world.newest, "rollback-snapshot")?;
    let older = Forge::open(&world.older, &world.keys)?.timestamp;
    let mut forge = Forge::open(&repo, &world.keys)?;
    forge.timestamp.version = next(forge.timestamp.version)?;
    forge.timestamp.meta = older.meta;
    forge.sign_timestamp()?;
    world.confront(&[&world.newest], &repo, Outcome::Refused)
}

/// A new snapshot names an old list of targets. The attacker holds the server and the keys of timestamp and snapshot.
pub(super) fn rollback_of_the_targets(world: &World) -> Result<Prepared> {
    let repo = world.copy(&world.newest, "rollback-targets")?;
    let older = Forge::open(&world.older, &world.keys)?.snapshot;
    let mut forge = Forge::open(&repo, &world.keys)?;
    (forge.snapshot.version, forge.timestamp.version) = (next(forge.snapshot.version)?, next(forge.timestamp.version)?);
    forge.snapshot.meta = older.meta;
    forge.sign_snapshot()?;
    forge.sign_timestamp()?;
    world.confront(&[&world.newest], &repo, Outcome::Refused)
}

/// The publisher replaced keys, published on, and the server goes back to the state after the replacement. A client that begins with the
/// root in its image each time forgets at every start what it saw. The attacker holds the server.
pub(super) fn rollback_after_a_new_root(world: &World) -> Result<Prepared> {
    let after = world.copy(&world.older, "new-root")?;
    world.rotate(&after, &["timestamp", "snapshot"])?;
    let later = world.copy(&after, "new-root-later")?;
    world.publish(&later, NEWEST, world.now)?;
    world.confront(&[&later], &after, Outcome::Refused)
}

/// The server shows what was true a month ago. The attacker holds the server.
pub(super) fn freeze(world: &World) -> Result<Prepared> {
    let repo = world.folder("freeze")?;
    world.publish(&repo, NEWEST, world.now.plus(-30 * DAY))?;
    world.confront(&[], &repo, Outcome::Refused)
}

/// The root has expired, and the server hides a newer one. The attacker holds the server.
pub(super) fn freeze_of_the_root(world: &World) -> Result<Prepared> {
    let new = ampoule_publish::NewKeys { root_keys: 1, root_threshold: 1, expires: world.now.plus(-DAY) };
    let keys = ampoule_publish::KeyFolder::create(&world.folder("expired-keys")?, &new)?;
    let repo = world.folder("expired-root")?;
    crate::world::publish_with(&keys, &repo, &world.image(NEWEST)?, world.now)?;
    let prepared = world.confront(&[], &repo, Outcome::Refused)?;
    Ok(Prepared { root: fs::read(keys.root_path())?, ..prepared })
}

/// The list of targets is that of another moment, under the name of the newest. The attacker holds the server.
pub(super) fn mix_and_match_of_metadata(world: &World) -> Result<Prepared> {
    let repo = world.copy(&world.newest, "mix-metadata")?;
    fs::copy(repo.join("metadata/1.targets.json"), repo.join("metadata/2.targets.json"))?;
    world.confront(&[], &repo, Outcome::Refused)
}

/// The manifest is that of another moment, under the name of the newest. The attacker holds the server.
pub(super) fn mix_and_match_of_files(world: &World) -> Result<Prepared> {
    let repo = world.copy(&world.newest, "mix-files")?;
    let [older, newest] = [&world.older, &world.newest].map(|of| super::transport::file(of, &world.keys, "manifest.json"));
    fs::copy(world.older.join("targets").join(older?), repo.join("targets").join(newest?))?;
    world.confront(&[], &repo, Outcome::Refused)
}

/// Timestamp and snapshot jump to the last version that there is, so that no later one of the publisher's is higher. The attacker holds the
/// server and these two keys; what they name is still the publisher's.
pub(super) fn fast_forward(world: &World) -> Result<Prepared> {
    let repo = world.copy(&world.newest, "fast-forward")?;
    let mut forge = Forge::open(&repo, &world.keys)?;
    let last = NonZeroU64::MIN.saturating_add(u64::from(u32::MAX));
    (forge.snapshot.version, forge.timestamp.version) = (last, last);
    forge.sign_snapshot()?;
    forge.sign_timestamp()?;
    world.confront(&[], &repo, Outcome::Harmless)
}

/// After that, the publisher replaces both keys: clients that saw the jump take the publisher's low versions again.
pub(super) fn fast_forward_is_recovered_from(world: &World) -> Result<Prepared> {
    let jumped = fast_forward(world)?.repository;
    let repo = world.copy(&world.older, "recovered")?;
    world.rotate(&repo, &["timestamp", "snapshot"])?;
    world.confront(&[&jumped], &repo, Outcome::Accepted)
}
