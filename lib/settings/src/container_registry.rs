//! `container-registry`: where images come from.

use crate::Described;
use crate::key::Key;
use ampoule_base::{HttpUrl, RegistryHost, RegistryPattern, Secret};
use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The namespace.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct ContainerRegistry {
    /// Where else to look for a registry's images, first to last.
    #[serde(deserialize_with = "mirrors")]
    pub mirrors: Vec<Mirror>,
    /// Who we are, to registries that ask.
    pub credentials: Vec<Credential>,
    /// Whether a mirrored registry itself is never asked.
    pub mirrors_only: bool,
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

impl Described for Mirrors {
    const ALLOWED: &'static str = "a list of { registry = \"docker.io\", endpoint = [\"https://mirror.example\"] }";

    fn schema() -> Value {
        let endpoint = json!({ "type": "array", "items": HttpUrl::schema() });
        let list = json!({ "type": "array", "items": {
            "type": "object", "additionalProperties": false, "required": ["registry", "endpoint"],
            "properties": { "registry": RegistryPattern::schema(), "endpoint": endpoint },
        } });
        let table = json!({ "type": "object", "additionalProperties": {
            "type": "object", "additionalProperties": false, "required": ["endpoint"], "properties": { "endpoint": endpoint },
        } });
        json!({ "anyOf": [list, table] })
    }
}

impl Described for Credential {
    const ALLOWED: &'static str = "{ registry, username, password } or { registry, auth } or { registry, identitytoken }";

    fn schema() -> Value {
        let text = json!({ "type": "string" });
        json!({ "type": "object", "additionalProperties": false, "required": ["registry"], "properties": {
            "registry": RegistryHost::schema(), "username": text, "password": text, "auth": text, "identitytoken": text,
        } })
    }
}

/// What the namespace is for.
pub(crate) const ABOUT: &str = "Where images come from, and who the node is there.";

const CREDENTIALS: &str = "a list of { registry, username, password } or { registry, auth } or { registry, identitytoken }";
const CREDENTIAL: &str = r#"[{ registry = "registry.example", username = "me", password = "secret" }]"#;
const ABOUT_CREDENTIALS: &str =
    "Who the node is to registries that ask. `auth` is base64 of `user:password`; `identitytoken` an OAuth2 token.";

pub(crate) const KEYS: &[Key] = &[
    Key::of::<Mirrors>(
        "container-registry.mirrors",
        "Where else to look for a registry's images, first to last. `*` stands for every registry without an entry of its own. A table by registry, as Bottlerocket accepts it, works too.",
        r#"[{ registry = "docker.io", endpoint = ["https://mirror.example"] }]"#,
    ),
    Key::of::<bool>(
        "container-registry.mirrors-only",
        "Whether the registry itself is never asked when its mirrors have no answer. Without this it is the last one tried, as in Bottlerocket.",
        "true",
    ),
    Key::of::<Vec<Credential>>("container-registry.credentials", ABOUT_CREDENTIALS, CREDENTIAL).allowed(CREDENTIALS).secret(),
    Key::of::<Vec<Credential>>("container-registry.creds", ABOUT_CREDENTIALS, CREDENTIAL)
        .allowed(CREDENTIALS)
        .secret()
        .alias_of("container-registry.credentials"),
    Key::of::<Vec<RegistryHost>>(
        "container-registry.plain-http",
        "Registries that may be spoken to without TLS. No other ever is.",
        r#"["10.0.2.2:5000"]"#,
    )
    .allowed("a list of host or host:port, for example [\"10.0.2.2:5000\"]"),
];
