//! `GET /v1/workloads`; also what `hostd` writes to its status socket.

use std::fmt;

use serde::{Deserialize, Serialize};

/// All workloads the settings name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct WorkloadList {
    /// In order of name.
    pub workloads: Vec<WorkloadStatus>,
    /// Volumes that several workloads share, in order of name: each counts by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shared_volumes: Vec<SharedVolume>,
    /// Why the limits of the disk are not in force on this node; absent: they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub without_disk_limits: Option<String>,
}

/// A volume that several workloads share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SharedVolume {
    /// Its name.
    pub name: String,
    /// What is in it, and the most that may be.
    pub disk: DiskUse,
}

/// What is taken of the node's disk (DATA), and the most that may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct DiskUse {
    /// Bytes taken.
    pub used: u64,
    /// Most bytes: writing more fails, for those alone whose limit it is.
    pub limit: u64,
    /// Files, folders and links there are.
    pub inodes: u64,
    /// Most of them.
    pub inode_limit: u64,
}

/// One workload as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct WorkloadStatus {
    /// Its name.
    pub name: String,
    /// Image reference as it was asked for.
    pub image: String,
    /// Where it stands.
    pub state: WorkloadState,
    /// Its first process, by its number on the node.
    pub pid: Option<u32>,
    /// Its address on the node's bridge.
    pub address: Option<String>,
    /// How often it was started again.
    pub restarts: u32,
    /// When its process was started, RFC 3339.
    pub started_at: Option<String>,
    /// How its process ended last.
    pub exit_code: Option<u32>,
    /// A sentence for a person: why, when something is not as wanted.
    #[serde(default)]
    pub message: String,
    /// How far the pull of its image is.
    pub pull: Option<PullProgress>,
    /// What keeps it from the node and the other workloads; absent until it was first made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolation: Option<WorkloadIsolation>,
    /// What its container's layer and the volumes that are its alone take of the disk; absent until it was first made, and where limits of
    /// the disk are not in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<DiskUse>,
}

/// What keeps a workload from the node and the other workloads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct WorkloadIsolation {
    /// The SELinux level of its processes and files, no other workload's: `s0:c1,c2`.
    pub level: String,
    /// The SELinux domain of its processes.
    pub domain: String,
    /// The ids of the node that its own from 0 on stand for; absent: its ids are the node's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ids: Option<WorkloadIds>,
}

/// A range of user and group ids of the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WorkloadIds {
    /// What 0 inside is on the node.
    pub first: u32,
    /// How many there are.
    pub size: u32,
}

/// How far a pull is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PullProgress {
    /// Bytes here.
    pub bytes: u64,
    /// Bytes in all, as far as known.
    pub total: u64,
    /// 0 to 100.
    pub percent: u8,
}

/// Where a workload stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum WorkloadState {
    /// Known, but not wanted to run.
    Disabled,
    /// Its image is on its way.
    Pulling,
    /// Its container is being made.
    Creating,
    /// Its process lives.
    Running,
    /// It failed or ended and will be started again.
    BackingOff,
    /// It failed and stays so.
    Failed,
    /// It ended as it should, or was stopped.
    Stopped,
    /// A state of a newer node.
    #[serde(other)]
    Unknown,
}

impl fmt::Display for WorkloadState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disabled => "disabled",
            Self::Pulling => "pulling",
            Self::Creating => "creating",
            Self::Running => "running",
            Self::BackingOff => "backing-off",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::Unknown => "unknown",
        })
    }
}
