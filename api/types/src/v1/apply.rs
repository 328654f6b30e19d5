//! `POST /v1/apply` and `GET /v1/applies/{id}`: a change, and what became of it.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What to apply: a change given here, or the one pending in a transaction.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ApplyRequest {
    /// The plan this is about; if it would do anything else now, nothing is done (status 409).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Settings to set, as a tree without an outer `settings` key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Value>,
    /// Keys to remove: what people chose at or below them goes back to what the image says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unset: Vec<String>,
    /// A transaction whose changes are taken first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tx: Option<String>,
    /// Seconds within which `POST /v1/confirm` must come, or the last confirmed settings return; absent: the node confirms by itself what stays healthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm_seconds: Option<u64>,
    /// What it is for, in a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What an apply did, so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct ApplyReport {
    /// Counts up while the API server runs.
    pub id: u64,
    /// Where it stands.
    pub state: ApplyState,
    /// The generation it made; the one in force before if there was nothing to change.
    pub generation: u64,
    /// Who asked for it.
    pub author: String,
    /// What it was for.
    #[serde(default)]
    pub message: String,
    /// The plan it carried out.
    pub plan: String,
    /// Settings that it set or removed, with `settings.` in front.
    pub keys: Vec<String>,
    /// Files, in the order they were written.
    pub files: Vec<FileStep>,
    /// Services, in the order they were told.
    pub services: Vec<ServiceStep>,
    /// Why the remote API is not as the settings say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_error: Option<String>,
    /// What confirms it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<TrialInfo>,
    /// Why it was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The generation that took it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolled_back_by: Option<u64>,
    /// When it began, in milliseconds since 1970.
    pub time_ms: u64,
}

/// Where an apply stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ApplyState {
    /// Files are being written and services told.
    Applying,
    /// Services that it touches are getting ready.
    Settling,
    /// Everything is done and ready; not confirmed yet.
    InEffect,
    /// It is good.
    Confirmed,
    /// The settings before it returned.
    RolledBack,
    /// There was nothing to change.
    Unchanged,
    /// A state of a newer node.
    #[serde(other)]
    Unknown,
}

impl ApplyState {
    /// Whether nothing more will come of it.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Confirmed | Self::RolledBack | Self::Unchanged)
    }
}

impl fmt::Display for ApplyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Applying => "applying",
            Self::Settling => "settling",
            Self::InEffect => "in-effect",
            Self::Confirmed => "confirmed",
            Self::RolledBack => "rolled-back",
            Self::Unchanged => "unchanged",
            Self::Unknown => "unknown",
        })
    }
}

/// A file of an apply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct FileStep {
    /// Absolute path.
    pub path: String,
    /// `created`, `changed` or `removed`.
    pub change: String,
    /// Why it was not done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A service of an apply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct ServiceStep {
    /// Its name.
    pub service: String,
    /// `reload` or `restart`.
    pub action: String,
    /// Why it was not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Its state when it was last looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<super::ServiceState>,
}

/// What confirms a generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct TrialInfo {
    /// `probation`: the node, if what it touches stays ready; `confirm`: a person.
    pub kind: String,
    /// The generation on trial.
    pub generation: u64,
    /// The generation that is gone back to.
    pub confirmed: u64,
    /// How long the window is, in milliseconds.
    pub window_ms: u64,
    /// How much of it is left; the whole before it has begun.
    pub left_ms: u64,
}
