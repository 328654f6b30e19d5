//! Bodies of Bottlerocket's routes for ephemeral disks and reports.

use serde::{Deserialize, Serialize};

/// Body of `POST /actions/ephemeral-storage/init`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct EphemeralStorageInit {
    /// `xfs` if none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filesystem: Option<Filesystem>,
    /// Devices; all ephemeral disks if none are given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disks: Option<Vec<String>>,
    /// EBS volumes from `xvdda` to `xvddx`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ebs_volumes: Option<Vec<String>>,
    /// Kinds of disks, the preferred first: `ephemeral-disk`, `ebs-volume`, or both with a `+`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefer: Option<Vec<String>>,
}

/// File systems for ephemeral disks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Filesystem {
    /// XFS.
    Xfs,
    /// ext4.
    Ext4,
}

/// Body of `POST /actions/ephemeral-storage/bind`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct EphemeralStorageBind {
    /// Folders; none: the image's own list.
    #[serde(default)]
    pub targets: Vec<String>,
}

/// A report the node can make, in `GET /report`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Report {
    /// Name.
    pub name: String,
    /// What it is for a person.
    pub description: String,
}
