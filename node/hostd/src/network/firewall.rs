//! Published ports and the way out, as one nftables table that is replaced whole.

use ampoule_workload::{address::Subnet, publish::Forward};

use crate::error::HostError;

/// Everything the table says.
pub(crate) struct Rules<'a> {
    /// The workloads' bridge.
    pub(crate) bridge: &'a str,
    /// The workloads' network.
    pub(crate) subnet: Subnet,
    /// Ports of the node that lead into it.
    pub(crate) forwards: &'a [Forward],
}

/// Replaces the table by `rules`.
pub(crate) fn replace(rules: &Rules<'_>) -> Result<(), HostError> {
    log::warn!(
        "published ports are not forwarded yet: {} {:?} {}",
        rules.bridge,
        rules.subnet,
        rules.forwards.len()
    );
    Ok(())
}
