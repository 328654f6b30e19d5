//! What of a kernel image a node must fetch.

use ampoule_layout::VerityTable;
use ampoule_update::uki::{self, Uki};
use anyhow::Result;

/// The root that the image starts, if firmware starts it.
pub(crate) fn root(image: &[u8]) -> Result<VerityTable> {
    uki::starts(image)?;
    Ok(Uki::parse(image)?.root()?)
}

/// Bytes of `new` that a node with `old` fetches: a kernel that is the same is taken from the running image.
pub(crate) fn fetched(old: &[u8], new: &[u8]) -> u64 {
    match (uki::kernel(old), uki::kernel(new)) {
        (Ok(ours), Ok(theirs)) if old[ours.clone()] == new[theirs.clone()] => (new.len() - theirs.len()) as u64,
        _ => new.len() as u64,
    }
}
