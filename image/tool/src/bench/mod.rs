//! `bench`: Ampoule beside a general-purpose Linux.

use anyhow::{Result, bail};

/// `./ampoule bench boot`.
pub(crate) fn boot(_runs: u32, _memory: u32, _cpus: u32, _write: bool) -> Result<()> {
    bail!("not built yet")
}
