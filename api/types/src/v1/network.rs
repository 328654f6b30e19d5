//! `GET /v1/network`; also what `netd` writes to its status socket.

use serde::{Deserialize, Serialize};

/// The node's network as it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct NetworkStatus {
    /// Links, the loopback left out.
    pub interfaces: Vec<InterfaceStatus>,
    /// Addresses of name servers in use.
    #[serde(default)]
    pub name_servers: Vec<String>,
    /// Host name in use.
    #[serde(default)]
    pub hostname: String,
}

/// One link.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct InterfaceStatus {
    /// Its name.
    pub name: String,
    /// Its hardware address.
    pub mac: String,
    /// Whether something is at the other end.
    pub carrier: bool,
    /// `address/prefix-length`, of both families.
    pub addresses: Vec<String>,
    /// What DHCP brought.
    pub dhcp4: Option<Dhcp4Lease>,
}

/// A DHCPv4 lease, or the way to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Dhcp4Lease {
    /// State of the client in the words of RFC 2131 (`selecting`, `bound`, …).
    pub state: String,
    /// Leased address with prefix length.
    pub address: Option<String>,
    /// Default router.
    pub router: Option<String>,
    /// Length of the lease in seconds.
    pub lease_seconds: Option<u64>,
}
