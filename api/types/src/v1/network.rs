//! `GET /v1/network`; also what `netd` writes to its status socket.

use serde::{Deserialize, Serialize};

/// The node's network as it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct NetworkStatus {
    /// Links, the loopback left out.
    pub interfaces: Vec<InterfaceStatus>,
    /// Addresses of name servers in use; a link-local one with its link behind a `%`.
    #[serde(default)]
    pub name_servers: Vec<String>,
    /// Domains in which short names are looked for.
    #[serde(default)]
    pub search_list: Vec<String>,
    /// Host name in use.
    #[serde(default)]
    pub hostname: String,
}

/// One link.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", default)]
pub struct InterfaceStatus {
    /// Its name.
    pub name: String,
    /// Its hardware address.
    pub mac: String,
    /// Whether something is at the other end.
    pub carrier: bool,
    /// `address/prefix-length`, of both families: all that the kernel has, the link-local ones left out.
    pub addresses: Vec<String>,
    /// Ways out over this link, of both families, as the kernel has them.
    pub routes: Vec<Route>,
    /// What DHCP brought.
    pub dhcp4: Option<Dhcp4Lease>,
    /// What IPv6 routers announced about names (RFC 8106), as long as it holds.
    pub router_advertisements: Announced,
}

/// A route of the kernel's main table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", default)]
pub struct Route {
    /// `address/prefix-length`; `0.0.0.0/0` and `::/0` lead everywhere.
    pub destination: String,
    /// The next router; none: the destination is on the link.
    pub gateway: Option<String>,
    /// Of two routes to a destination the one with the smaller metric is used.
    pub metric: Option<u32>,
}

/// What routers announced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", default)]
pub struct Announced {
    /// Addresses of name servers (RDNSS).
    pub name_servers: Vec<String>,
    /// Search domains (DNSSL).
    pub search_list: Vec<String>,
}

/// A DHCPv4 lease, or the way to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
