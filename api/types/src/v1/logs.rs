//! `GET /v1/logs`: one [`LogRecord`] as JSON a line.

use serde::{Deserialize, Serialize};

/// Query parameters of `/v1/logs`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct LogQuery {
    /// Names of sources (`apid`, `workload/web`, `workload/` for all workloads), divided by commas; none: all.
    #[serde(alias = "service", skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Only records at or after this: Unix time in milliseconds, or an age like `90s`, `15m`, `2h`, `1d`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Only this syslog level and worse: 0 (emergency) to 7 (debug).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<u8>,
    /// Only the last so many records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tail: Option<u32>,
    /// Keep sending what comes.
    pub follow: bool,
}

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LogRecord {
    /// Place in the log: grows with each record, also across boots.
    pub seq: u64,
    /// When it was received: Unix time in milliseconds, by the node's clock.
    pub time_ms: u64,
    /// When it was received, in milliseconds since the node's kernel started.
    pub monotonic_ms: u64,
    /// Who wrote it: a service, `workload/NAME`, or `kernel`.
    pub source: String,
    /// Syslog level, 0 to 7.
    pub level: u8,
    /// The line, without its line feed. Workloads choose it: it may hold any character.
    pub text: String,
    /// The line was longer: the next record of this source continues it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
}
