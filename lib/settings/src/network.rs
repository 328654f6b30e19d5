//! `network`: what the node is called, and how it reaches the outside.

use crate::Described;
use crate::described::described_text;
use crate::namespace::namespace;
use ampoule_base::{HostName, SingleLine};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::net::IpAddr;

namespace! {
    /// What the node is called, and how it reaches the outside.
    Network "network"
    keys {
        /// The node's name. Without one it takes what DHCP says.
        hostname "hostname": HostName, r#""node-1.example""#;
        /// Entries for `/etc/hosts`: an address and its names.
        hosts "hosts": Vec<HostsEntry>, r#"[["10.0.0.5", ["registry.example", "registry"]]]"#;
        /// Hosts and domains reached without the proxy. `localhost` and `127.0.0.1` always are.
        no_proxy "no-proxy": Vec<SingleLine>, r#"["10.0.0.0/8", ".internal"]"#;
    }
    secrets {
        /// Proxy for HTTPS requests of the container engine and of the node's own programs. The address may hold a user name and a password.
        https_proxy "https-proxy": ProxyUrl, r#""http://proxy.example:3128""#;
    }
}

/// An address and its names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostsEntry(pub IpAddr, pub Vec<HostName>);

impl Described for HostsEntry {
    const ALLOWED: &'static str = "[address, [name, …]]";
    const LIST: &'static str = "a list, each [address, [name, …]]";

    fn schema() -> Value {
        json!({ "type": "array", "prefixItems": [{ "type": "string" }, { "type": "array", "items": HostName::schema() }], "minItems": 2, "maxItems": 2 })
    }
}

/// The address of a proxy. Proves: `http://`, `https://` or nothing before host and port; visible ASCII without quotes, at most 2048 characters. It may hold a user name and a
/// password, so it is not quoted in errors.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProxyUrl(String);

impl ProxyUrl {
    /// With its scheme.
    #[must_use]
    pub fn url(&self) -> String {
        if self.0.is_empty() || self.0.contains("://") { self.0.clone() } else { format!("http://{}", self.0) }
    }
}

impl TryFrom<String> for ProxyUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", &text));
        let visible = |b: u8| b.is_ascii_graphic() && !b"\"'\\`$".contains(&b);
        let is_right = matches!(scheme, "http" | "https" | "socks5") && text.len() <= 2048 && rest.bytes().all(visible);
        if is_right && (text.is_empty() || !rest.is_empty()) { Ok(Self(text)) } else { Err("this is not the address of a proxy".into()) }
    }
}

impl From<ProxyUrl> for String {
    fn from(url: ProxyUrl) -> Self {
        url.0
    }
}

impl std::fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ProxyUrl(hidden)")
    }
}

described_text! {
    ProxyUrl = "http://host:port, or empty for none";
}
