//! A line on its way in.

use ampoule_logwire::{Ingest, Line, MAX_LEVEL, MAX_TEXT, Record, Source};

use crate::clock::Moment;

/// What becomes a record once the store gives it a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Draft {
    pub(crate) source: Source,
    pub(crate) level: u8,
    pub(crate) text: String,
    pub(crate) cut: bool,
    pub(crate) moment: Moment,
}

impl Draft {
    /// A line of a service's output.
    pub(crate) fn of_line(source: &Source, line: Line, moment: Moment) -> Self {
        Self { source: source.clone(), level: line.level, text: line.text, cut: line.cut, moment }
    }

    /// A line that another program hands over.
    pub(crate) fn of_ingest(ingest: Ingest, moment: Moment) -> Self {
        let end = (0..=MAX_TEXT.min(ingest.text.len())).rev().find(|at| ingest.text.is_char_boundary(*at)).unwrap_or(0);
        let cut = end < ingest.text.len();
        let mut text = ingest.text;
        text.truncate(end);
        Self { source: ingest.source, level: ingest.level.min(MAX_LEVEL), text, cut, moment }
    }

    /// With its place in the log.
    pub(crate) fn numbered(self, seq: u64) -> Record {
        let Moment { time_ms, monotonic_ms } = self.moment;
        Record { seq, time_ms, monotonic_ms, source: self.source, level: self.level, text: self.text, cut: self.cut }
    }
}
