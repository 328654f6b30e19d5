//! Moments of this project and of the TUF library, and how long metadata holds.

use ampoule_update::Timestamp;
use anyhow::{Context, Result};

const DAY: i64 = 86_400;

/// How long signed metadata holds, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// The list of targets, and the snapshot of all metadata.
    pub targets: i64,
    /// See [`Lifetimes::targets`].
    pub snapshot: i64,
    /// What says which snapshot is the newest: how long an attacker can hide a newer one.
    pub timestamp: i64,
}

impl Default for Lifetimes {
    /// Bottlerocket's: two weeks, and one for the timestamp.
    fn default() -> Self {
        Self { targets: 14 * DAY, snapshot: 14 * DAY, timestamp: 7 * DAY }
    }
}

impl Lifetimes {
    /// The same for all three, from a text such as `30 days`.
    ///
    /// # Errors
    /// The text is not a duration, or none.
    pub fn all(text: &str) -> Result<Self> {
        let wrong = || format!("{text:?} is not a duration: a number and hours, days or weeks");
        let (number, unit) = text.trim().split_once(' ').with_context(wrong)?;
        let units = [("hour", 3600), ("day", DAY), ("week", 7 * DAY)];
        let (_, unit) = units.into_iter().find(|(name, _)| *name == unit.trim().trim_end_matches('s')).with_context(wrong)?;
        let number: u32 = number.parse().with_context(wrong)?;
        anyhow::ensure!(number > 0, "metadata that does not hold for a moment helps nobody");
        let seconds = i64::from(number) * unit;
        Ok(Self { targets: seconds, snapshot: seconds, timestamp: seconds })
    }
}

/// How long a root holds unless told otherwise: a year, in seconds. It is signed by hand, with keys that are kept elsewhere.
pub const ROOT_LIFETIME: i64 = 364 * DAY;

/// This moment, by the clock of this machine.
pub fn now() -> Timestamp {
    Timestamp::from_seconds(jiff::Timestamp::now().as_second())
}

pub(crate) fn to_tuf(moment: Timestamp) -> Result<jiff::Timestamp> {
    jiff::Timestamp::from_second(moment.seconds()).with_context(|| format!("{moment} is no time that can be written"))
}

pub(crate) fn of_tuf(moment: jiff::Timestamp) -> Timestamp {
    Timestamp::from_seconds(moment.as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_are_bottlerockets_or_those_asked_for() {
        let usual = Lifetimes::default();
        assert_eq!((usual.targets, usual.snapshot, usual.timestamp), (14 * DAY, 14 * DAY, 7 * DAY));
        assert_eq!(Lifetimes::all("30 days").expect("a duration").timestamp, 30 * DAY);
        for text in ["", "0 days", "soon", "3 fortnights", "-1 days"] {
            assert!(Lifetimes::all(text).is_err(), "{text}");
        }
    }
}
