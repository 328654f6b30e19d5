//! What of a kernel image a node must fetch.

use ampoule_layout::VerityTable;
use ampoule_update::uki::Uki;
use anyhow::Result;

/// The root that the image starts.
pub(crate) fn root(image: &[u8]) -> Result<VerityTable> {
    Ok(Uki::parse(image)?.root()?)
}
