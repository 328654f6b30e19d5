//! `container-registry`: where images come from.

use crate::key::{Key, check};
use ampoule_base::{HttpUrl, RegistryHost, RegistryPattern, Secret};
use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The namespace.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct ContainerRegistry {
    /// Where else to look for a registry's images, first to last.
    #[serde(deserialize_with = "mirrors")]
    pub mirrors: Vec<Mirror>,
    /// Who we are, to registries that ask.
    #[serde(alias = "creds")]
    pub credentials: Vec<Credential>,
    /// Registries that may be spoken to without TLS. No other ever is.
    pub plain_http: Vec<RegistryHost>,
}

/// The mirrors of one registry.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mirror {
    /// The registry whose images they have; `*` for any.
    pub registry: RegistryPattern,
    /// The mirrors.
    pub endpoint: Vec<HttpUrl>,
}

/// Credentials for one registry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    /// The registry.
    pub registry: RegistryHost,
    /// User name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// Base64 of `user:password`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<Secret>,
    /// Token of an OAuth2 registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identitytoken: Option<Secret>,
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Mirrors(
    #[serde(deserialize_with = "mirrors")]
    #[expect(dead_code, reason = "parsed only to see whether it can be")]
    Vec<Mirror>,
);

/// A list of mirrors, or a table by registry: Bottlerocket accepts both.
fn mirrors<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Mirror>, D::Error> {
    match Value::deserialize(from)? {
        table @ Value::Object(_) => {
            let by_registry: BTreeMap<RegistryPattern, Endpoints> = serde_json::from_value(table).map_err(D::Error::custom)?;
            Ok(by_registry.into_iter().map(|(registry, e)| Mirror { registry, endpoint: e.endpoint }).collect())
        }
        list => serde_json::from_value(list).map_err(D::Error::custom),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Endpoints {
    endpoint: Vec<HttpUrl>,
}

const CREDENTIALS: &str = "a list of { registry, username, password } or { registry, auth } or { registry, identitytoken }";

/// An error here must not quote what may be a password.
fn credentials(value: &Value) -> Result<(), String> {
    check::<Vec<Credential>>(value).map_err(|_| "these are not credentials for registries".to_owned())
}

pub(crate) const KEYS: &[Key] = &[
    Key {
        pattern: "container-registry.mirrors",
        check: check::<Mirrors>,
        allowed: "a list of { registry = \"docker.io\", endpoint = [\"https://mirror.example\"] }",
        secret: false,
    },
    Key { pattern: "container-registry.credentials", check: credentials, allowed: CREDENTIALS, secret: true },
    Key { pattern: "container-registry.creds", check: credentials, allowed: CREDENTIALS, secret: true },
    Key {
        pattern: "container-registry.plain-http",
        check: check::<Vec<RegistryHost>>,
        allowed: "a list of host or host:port, for example [\"10.0.2.2:5000\"]",
        secret: false,
    },
];
