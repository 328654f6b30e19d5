//! `network`: what the node is called. (Proxies and host entries come with their consumers.)

use crate::key::{Key, check};
use ampoule_base::HostName;
use serde::Deserialize;

/// The namespace.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Network {
    /// The node's name; absent: what DHCP says.
    pub hostname: Option<HostName>,
}

pub(crate) const KEYS: &[Key] = &[Key {
    pattern: "network.hostname",
    check: check::<HostName>,
    allowed: "lower-case letters, digits, `-` and `.`, at most 253, for example \"node-1.example\"",
    secret: false,
}];
