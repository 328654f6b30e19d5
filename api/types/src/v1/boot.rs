//! `GET /v1/boot`: what happened when.

use serde::{Deserialize, Serialize};

use super::ServiceState;

/// The node's timeline since its kernel started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct BootReport {
    /// Milliseconds from the kernel's start to the first instruction of `init`, if `init` recorded it.
    pub init_ms: Option<u64>,
    /// Milliseconds from the kernel's start until this API answered.
    pub api_ms: Option<u64>,
    /// Number of the settings generation in use.
    pub generation: u64,
    /// Every transition, oldest first.
    pub steps: Vec<BootStep>,
}

/// One moment of a boot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct BootStep {
    /// Milliseconds since the kernel started.
    pub ms: u64,
    /// A service, or `init` itself.
    pub name: String,
    /// What it came to.
    pub state: ServiceState,
}
