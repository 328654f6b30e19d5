//! `/v1/generations`, `/v1/confirm`, `/v1/rollback`: the states the settings had, and which of them is good.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{PlannedKey, TrialInfo};

/// All generations that are kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct GenerationList {
    /// Which counts.
    #[serde(flatten)]
    pub standing: StandingInfo,
    /// Oldest first.
    pub generations: Vec<GenerationSummary>,
    /// Files whose content is not what was written; what the settings were there is lost. Left in place for a person to look at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub damaged: Vec<String>,
    /// Settings that an update, or the way back from one, could not carry over, and that nobody has set anew since.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<SettingProblem>,
}

/// A setting that has no equal in the version that runs, or is not valid in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct SettingProblem {
    /// Its key, without `settings.`.
    pub key: String,
    /// Why; a secret is not shown.
    pub reason: String,
    /// What to do.
    pub remedy: String,
}

/// Which generation counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct StandingInfo {
    /// The one the node goes by.
    pub in_force: u64,
    /// The last confirmed one.
    pub confirmed: u64,
    /// The one that is not confirmed yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<TrialInfo>,
}

/// A generation without its content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct GenerationSummary {
    /// Counts up from 1.
    pub number: u64,
    /// The one that was in force before; 0 for none.
    pub parent: u64,
    /// Who made it.
    pub author: String,
    /// When, in milliseconds since 1970.
    pub time_ms: u64,
    /// What it was made for.
    pub message: String,
    /// Where it comes from.
    pub origin: GenerationOrigin,
    /// Digest of its file.
    pub digest: String,
}

/// Where a generation comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum GenerationOrigin {
    /// User data, at first boot.
    UserData,
    /// A change through the API.
    Api,
    /// Values that the node made for keys that nobody set.
    Generated,
    /// The content of an earlier one, because somebody wanted it back.
    Restore {
        /// Which.
        of: u64,
    },
    /// The content of the last confirmed one, because a later one did not prove good.
    Rollback {
        /// The one that did not.
        of: u64,
        /// The one whose content this is; 0: the image's defaults.
        to: u64,
        /// Why.
        reason: String,
    },
    /// The content of the one before in the form of another version, or prepared for the versions before.
    Migration {
        /// Whose content it is.
        of: u64,
    },
    /// An origin of a newer node.
    #[serde(other)]
    Unknown,
}

/// A generation with its content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct GenerationDetail {
    /// All but the content.
    #[serde(flatten)]
    pub summary: GenerationSummary,
    /// What people chose, as a tree; secrets are left out.
    pub settings: Value,
    /// What the node worked out, as a tree; secrets are left out.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub generated: Value,
    /// Keys of secrets that were left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secret_keys: Vec<String>,
}

/// What lies between two generations.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct GenerationDiff {
    /// The generation it starts from.
    pub from: u64,
    /// The generation it leads to.
    pub to: u64,
    /// Settings that differ, with what the image gives; values of secrets are not shown.
    pub keys: Vec<PlannedKey>,
}

/// Which generation is good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ConfirmRequest {
    /// Its number; it must be the one on trial, so that nobody confirms what they have not seen.
    pub generation: u64,
}

/// How to restore an earlier generation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RestoreRequest {
    /// As in an apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm_seconds: Option<u64>,
    /// What it is for, in a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}
