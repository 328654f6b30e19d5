//! Wave policies: how fast a fleet takes an update, as a publisher writes it.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de};

use crate::{
    timestamp::Timestamp,
    waves::{MAX_SEED, Waves},
};

/// Most waves in a policy.
const MAX_WAVES: usize = 100;
/// Longest time of a policy, in seconds: a year.
const LONGEST: i64 = 366 * 86_400;

/// Waves, each with the time after publication at which it starts and the part of the fleet that is offered the update when it ends.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    waves: Vec<PolicyWave>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyWave {
    #[serde(deserialize_with = "duration")]
    start_after: i64,
    fleet_percentage: u32,
}

/// Why a policy is not taken.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// It is not the TOML that it must be.
    #[error("wave policy: {0}")]
    Toml(#[from] toml::de::Error),
    /// Its waves contradict each other.
    #[error("wave policy: wave {wave}: {reason}")]
    Wave {
        /// Which, from 1.
        wave: usize,
        /// What is wrong.
        reason: &'static str,
    },
}

/// Names and texts of the policies that come with the system: Bottlerocket's.
pub const POLICIES: [(&str, &str); 4] = [
    ("default", include_str!("../waves/default.toml")),
    ("accelerated", include_str!("../waves/accelerated.toml")),
    ("ohno", include_str!("../waves/ohno.toml")),
    ("slow-roll", include_str!("../waves/slow-roll.toml")),
];

impl Policy {
    /// Reads a policy: `[[waves]]` with `start_after = "4 hours"` and `fleet_percentage = 5`, as Bottlerocket has them.
    ///
    /// # Errors
    /// [`PolicyError`] with the first wave that is wrong.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let policy: Self = toml::from_str(text)?;
        policy.check().map(|()| policy)
    }

    /// One of [`POLICIES`].
    pub fn named(name: &str) -> Option<Self> {
        let (_, text) = POLICIES.into_iter().find(|(known, _)| *known == name)?;
        Self::parse(text).ok()
    }

    fn check(&self) -> Result<(), PolicyError> {
        let wrong = |wave, reason| Err(PolicyError::Wave { wave, reason });
        if self.waves.len() > MAX_WAVES {
            return wrong(MAX_WAVES + 1, "there are at most 100");
        }
        let (mut start, mut percentage) = (-1, 0);
        for (wave, PolicyWave { start_after, fleet_percentage }) in (1..).zip(&self.waves) {
            if *start_after <= start {
                return wrong(wave, "it starts after the one in front of it");
            }
            if *fleet_percentage <= percentage || *fleet_percentage > 100 {
                return wrong(wave, "its fleet_percentage is more than that of the one in front of it, and at most 100");
            }
            (start, percentage) = (*start_after, *fleet_percentage);
        }
        match percentage {
            100 => Ok(()),
            _ => wrong(self.waves.len(), "the last one has a fleet_percentage of 100"),
        }
    }

    /// The bounds of an update that is published at `start`, as Bottlerocket computes them. One more stands for the end of the last wave,
    /// which lasts as long as the one before it: without it Bottlerocket's nodes of the last wave all take the update at once.
    pub fn waves(&self, start: Timestamp) -> Waves {
        let mut bounds = BTreeMap::new();
        let mut first = 0;
        for wave in &self.waves {
            bounds.insert(first, start.plus(wave.start_after));
            first = wave.fleet_percentage * MAX_SEED / 100;
        }
        let mut starts = self.waves.iter().rev().map(|wave| wave.start_after);
        let (last, before) = (starts.next().unwrap_or(0), starts.next().unwrap_or(0));
        bounds.insert(MAX_SEED, start.plus(2 * last - before));
        Waves::try_from(bounds).unwrap_or_default()
    }
}

/// `NUMBER UNIT`, with minutes, hours or days in singular or plural.
fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let text = String::deserialize(deserializer)?;
    seconds(&text).ok_or_else(|| de::Error::custom(format!("{text:?} is no time: \"30 minutes\", \"4 hours\", \"2 days\", at most a year")))
}

fn seconds(text: &str) -> Option<i64> {
    let (number, unit) = text.split_once(' ')?;
    let unit = match unit.strip_suffix('s').unwrap_or(unit) {
        "minute" => 60,
        "hour" => 3600,
        "day" => 86_400,
        _ => return None,
    };
    let number: i64 = number.bytes().all(|c| c.is_ascii_digit()).then(|| number.parse().ok())??;
    number.checked_mul(unit).filter(|seconds| *seconds <= LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bounds(name: &str) -> Vec<(u32, i64)> {
        let waves = Policy::named(name).expect("a policy").waves(Timestamp::default());
        waves.bounds().map(|(bound, start)| (bound, start.seconds())).collect()
    }

    /// Each bound is the percentage of the wave in front of it, in places of 2048.
    #[test]
    fn the_policies_are_bottlerockets() {
        let (hour, day) = (3600, 86_400);
        let default =
            [(0, hour), (20, 4 * hour), (102, day), (307, 2 * day), (819, 4 * day), (1228, 5 * day), (1843, 6 * day), (2048, 7 * day)];
        assert_eq!(bounds("default"), default);
        assert_eq!(
            bounds("accelerated"),
            [(0, hour), (61, 4 * hour), (245, 8 * hour), (819, 16 * hour), (1638, day), (2048, day + 8 * hour)]
        );
        assert_eq!(bounds("ohno"), [(0, 1800), (102, hour), (512, 2 * hour), (1024, 9000), (1843, 3 * hour), (2048, 12_600)]);
        let slow =
            [(0, hour), (20, day), (102, 3 * day), (307, 7 * day), (819, 9 * day), (1228, 12 * day), (1843, 13 * day), (2048, 14 * day)];
        assert_eq!(bounds("slow-roll"), slow);
        assert!(Policy::named("fast").is_none());
    }

    #[test]
    fn contradictions_are_refused() {
        let wave = |start: &str, percentage: i64| format!("[[waves]]\nstart_after = \"{start}\"\nfleet_percentage = {percentage}\n");
        assert!(Policy::parse(&wave("0 minutes", 100)).is_ok());
        for wrong in [
            String::from("waves = []"),
            wave("1 hour", 99),
            wave("1 hour", 101),
            wave("1 week", 100),
            wave("-1 hours", 100),
            wave("400 days", 100),
            wave("9223372036854775807 days", 100),
            wave("1 hour", 50) + &wave("1 hour", 100),
            wave("1 hour", 50) + &wave("2 hours", 50) + &wave("3 hours", 100),
            wave("1 hour", 100) + "extra = 1\n",
        ] {
            assert!(Policy::parse(&wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_taken_makes_waves(steps in prop::collection::vec((1i64..5000, 1u32..30), 1..12), start in -10_000_000_000i64..10_000_000_000) {
            let (mut after, mut percentage, mut text) = (0, 0, String::new());
            for (i, (step, part)) in steps.iter().enumerate() {
                after += step;
                percentage = if i + 1 == steps.len() { 100 } else { (percentage + part).min(99) };
                text += &format!("[[waves]]\nstart_after = \"{after} minutes\"\nfleet_percentage = {percentage}\n");
            }
            if let Ok(policy) = Policy::parse(&text) {
                let waves = policy.waves(Timestamp::from_seconds(start));
                prop_assert!(!waves.is_empty() && (0..MAX_SEED).all(|seed| waves.ready_at(seed).is_some()));
            }
        }

        #[test]
        fn any_text_is_answered(text in "\\PC{0,100}") {
            let _ = Policy::parse(&text);
        }
    }
}
