//! The root of trust: who may sign what (The Update Framework, specification 1.0.34, section 4.3).

use std::collections::HashMap;
use std::num::NonZeroU64;

use ampoule_update::Timestamp;
use anyhow::{Context, Result};
use aws_lc_rs::rand::SystemRandom;
use tough::editor::signed::SignedRole;
use tough::key_source::KeySource;
use tough::schema::decoded::{Decoded, Hex};
use tough::schema::key::Key;
use tough::schema::{KeyHolder, RoleType, Root, Signed};
use tough::sign::Sign;

use crate::time;

/// Public keys of a role.
#[derive(Debug, Clone)]
pub(crate) struct RoleKeys(Vec<(Decoded<Hex>, Key)>);

impl RoleKeys {
    /// The public halves of keys.
    pub(crate) fn of(keys: &[Box<dyn Sign>]) -> Result<Self> {
        let public = keys.iter().map(|key| key.tuf_key());
        Ok(Self(public.map(|key| Ok((key.key_id()?, key))).collect::<Result<_>>()?))
    }
}

/// The first version of a root.
pub(crate) fn first(roles: Vec<(RoleType, RoleKeys, u32)>, expires: Timestamp) -> Result<Root> {
    let mut root = Root {
        spec_version: "1.0.0".to_owned(),
        consistent_snapshot: true,
        version: NonZeroU64::MIN,
        expires: time::to_tuf(expires)?,
        keys: HashMap::new(),
        roles: HashMap::new(),
        _extra: HashMap::new(),
    };
    roles.into_iter().try_for_each(|(role, keys, threshold)| give(&mut root, role, keys, threshold))?;
    Ok(root)
}

/// Gives a role its keys, in place of those that it had.
pub(crate) fn give(root: &mut Root, role: RoleType, keys: RoleKeys, threshold: u32) -> Result<()> {
    let threshold = NonZeroU64::new(threshold.into()).context("a threshold is at least 1")?;
    let keyids = keys.0.iter().map(|(id, _)| id.clone()).collect();
    root.keys.extend(keys.0);
    root.roles.insert(role, tough::schema::RoleKeys { keyids, threshold, _extra: HashMap::new() });
    let used: Vec<_> = root.roles.values().flat_map(|role| role.keyids.clone()).collect();
    root.keys.retain(|id, _| used.contains(id));
    Ok(())
}

/// Signs a root with its own keys and, if there is one, with those of the root before it.
pub(crate) async fn sign(root: Root, before: Option<&Root>, keys: &[Box<dyn KeySource>]) -> Result<Vec<u8>> {
    let rng = SystemRandom::new();
    let mut signed = SignedRole::new(root.clone(), &KeyHolder::Root(root.clone()), keys, &rng).await?;
    if let Some(before) = before {
        let theirs = SignedRole::new(root.clone(), &KeyHolder::Root(before.clone()), keys, &rng).await?;
        signed = signed.add_old_signatures(theirs.signed().signatures.clone())?;
        verify(before, signed.signed()).context("too few keys of the root before this one are here to sign the new one")?;
    }
    verify(&root, signed.signed()).context("too few keys of the new root are here to sign it")?;
    Ok(signed.buffer().clone())
}

fn verify(by: &Root, root: &Signed<Root>) -> Result<()> {
    Ok(by.verify_role(root)?)
}
