//! `/v1/user-data`: whether the user data that the node sees now is what it took at first boot, and what taking it would do.

use super::Plan;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// User data as the node sees it now. It is taken by itself at first boot only; a later change waits for somebody to apply it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct UserDataStatus {
    /// How it stands.
    pub state: UserDataState,
    /// What is wrong with it, if something is: then nothing of it can be applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
    /// What applying it would do, if it has changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// The places that were looked at in this boot, each with what came of it.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub sources: Value,
}

/// How user data stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum UserDataState {
    /// It is what was taken last.
    #[default]
    Taken,
    /// It differs from what was taken last.
    Changed,
    /// It cannot be read.
    Wrong,
    /// A place that may have user data has not answered yet; `sources` says which. What a first boot had to do without is taken as soon as it comes.
    Awaited,
    /// A state of a newer node.
    #[serde(other)]
    Unknown,
}

/// How to apply changed user data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct UserDataRequest {
    /// The plan this is about; if it would do anything else now, nothing is done (status 409).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// As in an apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm_seconds: Option<u64>,
}
