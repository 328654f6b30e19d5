//! What each place came to: `report.json`.

use crate::Source;
use serde::{Deserialize, Serialize};

/// The outcome of asking one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It had user data; there is a file with it.
    Found,
    /// It had none.
    Absent,
    /// It could not be asked, or what it said cannot be used. There may have been user data.
    Failed,
    /// It is being asked.
    Pending,
}

/// One entry of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceReport {
    /// Name of the place, as in its file: `40-ec2-imds`.
    pub source: String,
    /// What came of it.
    pub state: State,
    /// Why, or where exactly; holds nothing of the user data itself.
    pub detail: String,
    /// How long it took, in milliseconds.
    pub ms: u64,
}

impl SourceReport {
    /// Whether the place may have user data that is not known yet.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Failed | State::Pending)
    }

    /// An entry for `source`.
    #[must_use]
    pub fn new(source: Source, state: State, detail: impl Into<String>, ms: u64) -> Self {
        Self { source: source.file_name(), state, detail: detail.into(), ms }
    }
}
