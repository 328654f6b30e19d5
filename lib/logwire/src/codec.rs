//! One JSON document a line.

use serde::{Serialize, de::DeserializeOwned};

use crate::MAX_WIRE_LINE;

/// Why a line is not what was expected. The peer that sent it is at fault; the connection may go on.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// Longer than [`MAX_WIRE_LINE`].
    #[error("a line of {0} bytes is longer than the {MAX_WIRE_LINE} allowed")]
    TooLong(usize),
    /// Not JSON, or not of the wanted shape.
    #[error("not understood: {0}")]
    Json(#[from] serde_json::Error),
}

/// Reads one line (with or without its line feed) as `T`: [`crate::Query`], [`crate::Record`] or [`crate::Ingest`].
///
/// # Errors
/// [`WireError`], by fault of whoever wrote the line.
pub fn decode<T: DeserializeOwned>(line: &[u8]) -> Result<T, WireError> {
    if line.len() > MAX_WIRE_LINE {
        return Err(WireError::TooLong(line.len()));
    }
    Ok(serde_json::from_slice(line)?)
}

/// One line of JSON with its line feed.
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    // The types of this crate have only strings, numbers and lists: writing them as JSON cannot fail.
    let mut line = serde_json::to_vec(value).unwrap_or_default();
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Ingest, MAX_TEXT, Query, Record};

    fn record(text: String, cut: bool) -> Record {
        let source = "workload/web".parse().expect("source");
        Record { seq: u64::MAX, time_ms: u64::MAX, monotonic_ms: u64::MAX, source, level: 7, text, cut }
    }

    #[test]
    fn the_longest_record_fits_a_line() {
        let line = encode(&record("\u{1}".repeat(MAX_TEXT), true));
        assert!(line.len() <= MAX_WIRE_LINE, "{}", line.len());
        assert!(decode::<Record>(&line).is_ok());
    }

    proptest! {
        #[test]
        fn records_come_back(text in ".{0,200}", cut: bool) {
            let line = encode(&record(text.clone(), cut));
            prop_assert_eq!(line.iter().filter(|b| **b == b'\n').count(), 1);
            prop_assert_eq!(decode::<Record>(&line).expect("own line"), record(text, cut));
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode::<Record>(&bytes);
            let _ = decode::<Query>(&bytes);
            let _ = decode::<Ingest>(&bytes);
        }
    }
}
