//! `GET /v1/services`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// All services of the image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ServiceList {
    /// In order of name.
    pub services: Vec<ServiceStatus>,
}

/// One service as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct ServiceStatus {
    /// Its name.
    pub name: String,
    /// Where it is in its life.
    pub state: ServiceState,
    /// Its main process.
    pub pid: Option<u32>,
    /// How often it was started again by itself.
    pub restarts: u32,
    /// When it came to this state, in milliseconds since the kernel started.
    pub since_ms: u64,
    /// When it was last ready, likewise.
    pub ready_ms: Option<u64>,
}

/// Where a service is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ServiceState {
    /// Waits for what it requires.
    Waiting,
    /// Runs, not ready yet.
    Starting,
    /// Runs and is ready.
    Running,
    /// A oneshot that ended well.
    Done,
    /// Ended, to be started again.
    BackingOff,
    /// Told to end.
    Stopping,
    /// Ended on request.
    Stopped,
    /// Ended, and stays so.
    Failed,
    /// A state of a newer node.
    #[serde(other)]
    Unknown,
}

impl fmt::Display for ServiceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Waiting => "waiting",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Done => "done",
            Self::BackingOff => "backing-off",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        })
    }
}
