//! Shapes of Bottlerocket's metadata routes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What one service does with settings, in `GET /services`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct ServiceMetadata {
    /// Names of the files made for it.
    pub configuration_files: Vec<String>,
    /// What is done when they change; ours are words like `reload netd`, not command lines.
    pub restart_commands: Vec<String>,
}

/// A file made from settings, in `GET /configuration-files`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct ConfigurationFile {
    /// Where it is. `*` stands for a part that settings choose.
    pub path: String,
    /// What it is made by; files are made by the node's own code, so this names it.
    pub template_path: String,
    /// Permission bits in octal, if they are not the usual ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
}

/// What makes the value of a setting that nobody chose, in `GET /v2/metadata/setting-generators`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Generator {
    /// A strong one.
    Command(String),
    /// One with its strength.
    WithStrength {
        /// What is run.
        command: String,
        /// How the value ranks.
        strength: Strength,
    },
}

/// How a value ranks: a weak one gives way to the next image's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Strength {
    /// From the image or a generator.
    Weak,
    /// From a person.
    Strong,
}

/// A pending value, in `GET /v2/tx`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PendingValue {
    /// What the setting shall be; `null`: it goes back to its default.
    pub value: Value,
    /// How it ranks.
    pub strength: Strength,
}

/// Pending values by dotted key, with `settings.` in front.
pub type PendingValues = BTreeMap<String, PendingValue>;
