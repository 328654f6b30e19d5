//! What asking a place came to.

use ampoule_provision::{MAX_USER_DATA, Source, SourceReport, State};
use std::time::Instant;

/// Of one place, without the time it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Finding {
    /// User data, and where exactly it was.
    Found(Vec<u8>, String),
    /// None, and why.
    Absent(String),
    /// Not known, and why.
    Failed(String),
    /// Not known yet.
    Pending,
}

impl Finding {
    /// Judges bytes that were read from `place` with a limit of one more than is allowed.
    pub(crate) fn of(bytes: Vec<u8>, place: impl Into<String>) -> Self {
        let place = place.into();
        match bytes.len() {
            0 => Self::Absent(format!("{place} is empty")),
            1..=MAX_USER_DATA => Self::Found(bytes, place),
            _ => Self::Failed(format!("{place} has more than {MAX_USER_DATA} bytes; make it shorter or pack it with gzip")),
        }
    }
}

/// The outcome for one source.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// Which.
    pub(crate) source: Source,
    /// What.
    pub(crate) finding: Finding,
    /// How long it took.
    pub(crate) ms: u64,
}

impl Answer {
    /// An answer that began at `start` and is there now.
    pub(crate) fn since(start: Instant, source: Source, finding: Finding) -> Self {
        Self { source, finding, ms: u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX) }
    }

    /// The entry of the report.
    pub(crate) fn report(&self) -> SourceReport {
        let (state, detail) = match &self.finding {
            Finding::Found(bytes, place) => (State::Found, format!("{place}, {} bytes", bytes.len())),
            Finding::Absent(why) => (State::Absent, why.clone()),
            Finding::Failed(why) => (State::Failed, why.clone()),
            Finding::Pending => (State::Pending, "it is being asked".to_owned()),
        };
        SourceReport::new(self.source, state, detail, self.ms)
    }

    /// Says it to the log, as loud as it matters.
    pub(crate) fn log(&self) {
        let report = self.report();
        match report.state {
            State::Found => log::info!("User data in {}: {}", report.source, report.detail),
            State::Absent | State::Pending => log::debug!("No user data in {}: {}", report.source, report.detail),
            State::Failed => log::error!("User data in {} cannot be used: {}", report.source, report.detail),
        }
    }
}
