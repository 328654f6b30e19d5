//! One line of the log.

use serde::{Deserialize, Serialize};

use crate::Source;

/// One line as the log service keeps and gives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Place in the log: grows by at least one with each record, also across boots.
    pub seq: u64,
    /// When it was received, in milliseconds of Unix time as the node's clock then stood.
    pub time_ms: u64,
    /// When it was received, in milliseconds since this node's kernel started.
    pub monotonic_ms: u64,
    /// Who wrote it.
    pub source: Source,
    /// Syslog level: 0 (the system is unusable) to 7 (debug).
    pub level: u8,
    /// The line without its line feed, at most [`crate::MAX_TEXT`] bytes. May hold any other character.
    pub text: String,
    /// The line was longer: the next record of this source continues it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
}
