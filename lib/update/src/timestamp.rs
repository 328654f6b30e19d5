//! Moments, as manifests write them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Seconds since 1970 (UTC, without leap seconds), between the years 0 and 9999; its text is RFC 3339, section 5.6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// The text is not a moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a time: it has the form 2026-01-31T23:59:59Z")]
pub struct TimestampError(pub String);

impl Timestamp {
    /// The last second that has a text: the end of the year 9999.
    pub const LAST: Self = Self(253_402_300_799);
    /// The first second that has a text: the start of the year 0.
    pub const FIRST: Self = Self(-62_167_219_200);

    /// From seconds since 1970; what lies outside the years 0 to 9999 becomes their first or last second.
    pub fn from_seconds(seconds: i64) -> Self {
        Self(seconds.clamp(Self::FIRST.0, Self::LAST.0))
    }

    /// Seconds since 1970.
    pub fn seconds(self) -> i64 {
        self.0
    }

    /// This many seconds later.
    pub fn plus(self, seconds: i64) -> Self {
        Self::from_seconds(self.0.saturating_add(seconds))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = OffsetDateTime::from_unix_timestamp(self.0).map_err(|_| fmt::Error)?;
        f.write_str(&date.format(&Rfc3339).map_err(|_| fmt::Error)?)
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        let date = OffsetDateTime::parse(text, &Rfc3339);
        let seconds = date.map_err(|_| TimestampError(text.chars().take(64).collect()))?.unix_timestamp();
        Ok(Self::from_seconds(seconds))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn moments_are_those_of_the_calendar() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:34:56Z", 951_827_696),
            ("2026-03-01T01:00:00+01:00", 1_772_323_200),
            ("2026-03-01T00:00:00.999Z", 1_772_323_200),
        ] {
            assert_eq!(text.parse(), Ok(Timestamp(seconds)), "{text}");
        }
        for wrong in ["", "2026-02-29T00:00:00Z", "2026-03-01", "2026-03-01T00:00:00", "yesterday"] {
            assert!(wrong.parse::<Timestamp>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_ends_have_a_text() {
        assert_eq!(Timestamp::from_seconds(i64::MAX).to_string(), "9999-12-31T23:59:59Z");
        assert_eq!(Timestamp::from_seconds(i64::MIN).to_string(), "0000-01-01T00:00:00Z");
    }

    proptest! {
        #[test]
        fn what_is_printed_parses(seconds: i64) {
            let moment = Timestamp::from_seconds(seconds);
            prop_assert_eq!(moment.to_string().parse(), Ok(moment));
        }

        #[test]
        fn any_text_is_answered(text in "\\PC{0,48}") {
            let _ = text.parse::<Timestamp>();
        }
    }
}
