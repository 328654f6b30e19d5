//! `/v1/updates`: how the node stands with its updates; also what the updater answers over its socket.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::UpdateStatus;

/// How the node stands with its updates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct Updates {
    /// The state, the versions, the last command: what `GET /updates/status` answers. Its names are snake case.
    pub status: UpdateStatus,
    /// How far the command is that runs; absent if none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<UpdateProgress>,
    /// Versions that are not tried again until somebody forgives them.
    #[serde(default)]
    pub bad_versions: Vec<BadVersion>,
    /// How the running version stands.
    pub boot: BootTrial,
}

/// How far a command is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct UpdateProgress {
    /// `refresh`, `prepare`, …
    pub command: String,
    /// What it does now, for a person.
    pub step: String,
    /// Bytes of the image that are in their place.
    #[serde(default)]
    pub done_bytes: u64,
    /// Bytes of the image in all; 0 until it is known.
    #[serde(default)]
    pub total_bytes: u64,
    /// Bytes of them that came over the network.
    #[serde(default)]
    pub fetched_bytes: u64,
}

/// A version that this node does not try again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct BadVersion {
    /// Which.
    pub version: String,
    /// What was wrong with it.
    pub reason: String,
    /// When that was found, RFC 3339.
    pub since: String,
}

/// How the running version stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct BootTrial {
    /// Where it stands.
    pub state: BootTrialState,
    /// Why, if it is not simply good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What the node waits for until the boot is good.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waits_for: Vec<String>,
    /// Seconds until it goes back, while it is on trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds_left: Option<u64>,
}

/// Where the running version stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum BootTrialState {
    /// It runs for the first time, and goes back by itself if the node does not become healthy.
    Trial,
    /// It is what the node boots.
    #[default]
    Good,
    /// It is the version before one that did not become healthy.
    FellBack,
    /// A state of a newer node.
    #[serde(other)]
    Unknown,
}

impl fmt::Display for BootTrialState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Trial => "trial",
            Self::Good => "good",
            Self::FellBack => "fell-back",
            Self::Unknown => "unknown",
        })
    }
}

/// What installing the chosen update would cost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct UpdatePlan {
    /// The version that runs.
    pub from: String,
    /// The version that would.
    pub to: String,
    /// Bytes that come over the network.
    pub fetch_bytes: u64,
    /// Bytes of the new image that the node has already.
    pub reuse_bytes: u64,
    /// Requests that fetch them.
    pub requests: u64,
    /// Whether the node restarts to run it.
    pub reboot: bool,
    /// Steps that the settings take to the new version's form, in their order.
    #[serde(default)]
    pub migrations: Vec<String>,
    /// Workloads that run now and are away while the node restarts. The API server adds them.
    #[serde(default)]
    pub workloads: Vec<String>,
}

/// A version to forgive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ForgiveRequest {
    /// Which.
    pub version: String,
}
