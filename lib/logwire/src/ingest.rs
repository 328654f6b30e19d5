//! What other programs hand to the log service.

use serde::{Deserialize, Serialize};

use crate::Source;

/// One line from a program that speaks for others (hostd, for its workloads).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ingest {
    /// Who wrote it.
    pub source: Source,
    /// Syslog level, 0 to 7; a larger one counts as 7.
    pub level: u8,
    /// The line without its line feed.
    pub text: String,
}
