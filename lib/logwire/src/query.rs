//! What a reader of the log asks for.

use serde::{Deserialize, Serialize};

use crate::Record;

/// A question to the log service. Every field is optional; the empty query gives the whole log, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Query {
    /// Only these sources; one that ends in `/` means all that begin so (`workload/`). Empty: all.
    pub sources: Vec<String>,
    /// Only records received at or after this Unix time in milliseconds.
    pub since_ms: Option<u64>,
    /// Only records received before this Unix time in milliseconds.
    pub until_ms: Option<u64>,
    /// Only records of this syslog level or a more important (smaller) one.
    pub max_level: Option<u8>,
    /// Of what is kept, only the last so many records that fit the other fields.
    pub tail: Option<u32>,
    /// After what is kept, keep giving new records until the reader closes the connection.
    pub follow: bool,
}

impl Query {
    /// Whether `record` fits everything but `tail`.
    pub fn matches(&self, record: &Record) -> bool {
        self.wants_source(&record.source)
            && self.since_ms.is_none_or(|since| record.time_ms >= since)
            && self.until_ms.is_none_or(|until| record.time_ms < until)
            && self.max_level.is_none_or(|level| record.level <= level)
    }

    /// Whether records of `source` can fit.
    pub fn wants_source(&self, source: &crate::Source) -> bool {
        self.sources.is_empty() || self.sources.iter().any(|filter| source.matches(filter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let source = "apid".parse().expect("source");
        Record { seq: 1, time_ms: 100, monotonic_ms: 5, source, level: 4, text: "x".into(), cut: false }
    }

    #[test]
    fn each_field_narrows() {
        let fits = |query: Query| query.matches(&record());
        assert!(fits(Query::default()));
        assert!(fits(Query { since_ms: Some(100), ..Query::default() }));
        assert!(!fits(Query { since_ms: Some(101), ..Query::default() }));
        assert!(fits(Query { until_ms: Some(101), ..Query::default() }));
        assert!(!fits(Query { until_ms: Some(100), ..Query::default() }));
        assert!(fits(Query { max_level: Some(4), ..Query::default() }));
        assert!(!fits(Query { max_level: Some(3), ..Query::default() }));
        assert!(!fits(Query { sources: vec!["netd".into()], ..Query::default() }));
    }

    #[test]
    fn an_unknown_field_is_refused() {
        assert!(crate::decode::<Query>(b"{\"levels\":3}").is_err());
        assert_eq!(crate::decode::<Query>(b"{}").expect("empty"), Query::default());
    }
}
