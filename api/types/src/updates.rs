//! `GET /updates/status`: Bottlerocket's update status. Field names are snake case, as Bottlerocket has them.

use serde::{Deserialize, Serialize};

/// What the updater knows and what it did last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UpdateStatus {
    /// Where the node is on its way to another version.
    pub update_state: UpdateState,
    /// Versions that are offered, newest first.
    pub available_updates: Vec<String>,
    /// The one that would be installed.
    pub chosen_update: Option<UpdateImage>,
    /// What runs.
    pub active_partition: Option<StagedImage>,
    /// What the idle slot holds.
    pub staging_partition: Option<StagedImage>,
    /// The last command and how it ended.
    pub most_recent_command: Option<CommandResult>,
}

/// Where a node is on its way to another version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum UpdateState {
    /// Nothing is offered.
    Idle,
    /// An update is offered.
    Available,
    /// It is in the idle slot.
    Staged,
    /// The next boot runs it.
    Ready,
}

/// An image by what tells it from others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UpdateImage {
    /// Machine architecture.
    pub arch: String,
    /// Version.
    pub version: String,
    /// Variant.
    pub variant: String,
}

/// What a slot holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StagedImage {
    /// The image.
    pub image: UpdateImage,
    /// Whether the next boot runs it.
    pub next_to_boot: bool,
}

/// How an update command ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CommandResult {
    /// `refresh`, `prepare`, `activate` or `deactivate`.
    pub cmd_type: String,
    /// `Success`, `Failed` or `Unknown`.
    pub cmd_status: String,
    /// When it ended, RFC 3339.
    pub timestamp: String,
    /// Its exit status, if it failed.
    pub exit_status: Option<i32>,
    /// What it said when it failed.
    pub stderr: Option<String>,
}
