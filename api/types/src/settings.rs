//! Shapes of Bottlerocket's settings and transaction routes.
//!
//! Settings trees themselves are plain JSON objects with kebab-case keys.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{ConfigurationFile, ServiceMetadata};

/// The transaction meant when a request names none.
pub const DEFAULT_TRANSACTION: &str = "default";

/// Body of `PATCH /settings/keypair`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Keypairs {
    /// `a.b=value`; the node guesses the type of each value from the setting's own.
    pub request_payload: Vec<String>,
}

/// `GET /`: everything, narrowed by a prefix; parts outside the prefix are absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct WholeModel {
    /// The live settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings: Option<Value>,
    /// Services by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub services: Option<BTreeMap<String, ServiceMetadata>>,
    /// Files made from settings, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub configuration_files: Option<BTreeMap<String, ConfigurationFile>>,
    /// What the node runs, possibly narrowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os: Option<Value>,
}
