//! `GET /v1/settings`: the live settings by key.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Settings, sorted by key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SettingList {
    /// Each that has a value.
    pub settings: Vec<SettingValue>,
}

/// A setting and its value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SettingValue {
    /// Dotted key, with `settings.` in front.
    pub key: String,
    /// The value; absent for a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// Who gave it, if that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<ValueSource>,
    /// It is a secret and not shown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
}

/// Who gave a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ValueSource {
    /// The image.
    Default,
    /// A generator of the node.
    Generated,
    /// A person or a program a person started.
    Chosen,
    /// A source of a newer node.
    #[serde(other)]
    Unknown,
}
