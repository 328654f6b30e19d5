//! Waves: when which part of a fleet takes an update. Bounds as Bottlerocket writes them, read without its two faults:
//! any seed is answered, and a wave's nodes are spread over the whole of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::timestamp::Timestamp;

/// Places in a fleet. A seed of any size is reduced to one of them.
pub const MAX_SEED: u32 = 2048;

/// How long a lone wave lasts that no bound ends, in seconds.
const LONE_WAVE: i64 = 3600;

/// First place of each wave → when the wave starts.
///
/// A wave lasts until the next one starts. The last one lasts until the moment that stands for the place
/// [`MAX_SEED`], which readers of Bottlerocket's ignore; without it, as long as the wave before.
/// Places before the first bound take the update at once, and so does everyone if there are no bounds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<u32, Timestamp>", into = "BTreeMap<u32, Timestamp>")]
pub struct Waves(BTreeMap<u32, Timestamp>);

/// The bounds contradict each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WavesError {
    /// A bound is beyond the last place.
    #[error("waves: {0} is no place in a fleet, these are 0 to {MAX_SEED}")]
    Bound(u32),
    /// A wave starts before the one in front of it.
    #[error("waves: the wave from {0} on starts before the one in front of it")]
    Order(u32),
}

impl TryFrom<BTreeMap<u32, Timestamp>> for Waves {
    type Error = WavesError;

    fn try_from(bounds: BTreeMap<u32, Timestamp>) -> Result<Self, WavesError> {
        if let Some((&bound, _)) = bounds.range(MAX_SEED + 1..).next() {
            return Err(WavesError::Bound(bound));
        }
        let pairs = bounds.iter().zip(bounds.iter().skip(1));
        match pairs.clone().find(|((_, earlier), (_, later))| later < earlier) {
            Some((_, (&bound, _))) => Err(WavesError::Order(bound)),
            None => Ok(Self(bounds)),
        }
    }
}

impl From<Waves> for BTreeMap<u32, Timestamp> {
    fn from(waves: Waves) -> Self {
        waves.0
    }
}

impl Waves {
    /// Whether everyone takes the update at once.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// First place of each wave and when it starts, in their order.
    pub fn bounds(&self) -> impl Iterator<Item = (u32, Timestamp)> {
        self.0.iter().map(|(bound, start)| (*bound, *start))
    }

    /// When a node with this seed takes the update; `None`: at once.
    pub fn ready_at(&self, seed: u32) -> Option<Timestamp> {
        let seed = seed % MAX_SEED;
        let (first, start) = self.0.range(..=seed).next_back().map(|(bound, start)| (*bound, *start))?;
        let (next, end) = self.0.range(seed + 1..).next().map_or_else(|| self.end(first, start), |(bound, end)| (*bound, *end));
        let (place, places) = (i64::from(seed - first), i64::from(next - first));
        Some(start.plus((end.seconds() - start.seconds()) * place / places))
    }

    /// Where the last wave ends that nothing follows.
    fn end(&self, first: u32, start: Timestamp) -> (u32, Timestamp) {
        let before = self.0.range(..first).next_back().map_or(LONE_WAVE, |(_, before)| start.seconds() - before.seconds());
        (MAX_SEED, start.plus(before))
    }
}

#[cfg(test)]
#[path = "waves_tests.rs"]
mod tests;
