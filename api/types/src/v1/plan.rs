//! `POST /v1/plan`: what a change would do, before it is done.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What to plan: a change given here, or (with `?tx=NAME`) the one pending in a transaction.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PlanRequest {
    /// Settings to set, as a tree without an outer `settings` key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Value>,
    /// Keys to remove: what people chose at or below them goes back to what the image says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unset: Vec<String>,
}

/// What lies between what is applied and what would be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct Plan {
    /// Names the plan. If anything it rests on moves, the same change has another id, and `POST /v1/apply` with this one is refused.
    pub id: String,
    /// Settings that differ, by key.
    pub keys: Vec<PlannedKey>,
    /// Files that differ, by path.
    pub files: Vec<PlannedFile>,
    /// Services that are told, by name.
    pub services: Vec<PlannedService>,
    /// Workloads that the change concerns, by name.
    pub workloads: Vec<PlannedWorkload>,
    /// Whether the remote API is opened, closed or changed.
    pub remote_api: bool,
    /// Settings that have effect at the next boot only, and why.
    pub reboot: Vec<PlannedReason>,
    /// Settings after which the node may be out of reach for whoever changes them, and why.
    pub access: Vec<PlannedReason>,
    /// Settings that nothing on this image reads.
    pub without_effect: Vec<String>,
}

/// A setting that differs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct PlannedKey {
    /// Dotted, without `settings.`.
    pub key: String,
    /// The value before; absent if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<Value>,
    /// The value after; absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<Value>,
    /// Whether the values are secrets, and so not shown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
    /// When it has effect: `now`, `at-reboot`, or `never` on this image.
    #[serde(default)]
    pub effect: String,
}

/// A file that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct PlannedFile {
    /// Absolute path.
    pub path: String,
    /// `created`, `changed` or `removed`.
    pub change: String,
    /// Unified difference; absent where the content may hold secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
}

/// A service that is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct PlannedService {
    /// Its name.
    pub service: String,
    /// `reload` or `restart`.
    pub action: String,
    /// The files that differ for it.
    pub because: Vec<String>,
}

/// A workload that the change concerns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct PlannedWorkload {
    /// Its name.
    pub name: String,
    /// `started`, `replaced`, `adjusted` (its process lives on), `stopped` or `stored`.
    pub change: String,
    /// Where, once it runs, it is less apart from the node or the others than a workload is by itself, and what it may take of the disk if that changes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A setting with a reason beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct PlannedReason {
    /// Dotted, without `settings.`.
    pub key: String,
    /// Why it is named.
    pub why: String,
}
