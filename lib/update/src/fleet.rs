//! A fleet on paper: when its nodes take an update. For tests and for figures.

use crate::{timestamp::Timestamp, waves::Waves};

/// How a fleet took an update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fleet {
    /// Seconds after publication at which each node took it, in rising order.
    taken: Vec<i64>,
}

impl Fleet {
    /// `nodes` nodes whose seeds are the numbers that `random` gives; published at the moment 0.
    pub fn simulate(waves: &Waves, nodes: usize, mut random: impl FnMut() -> u32) -> Self {
        let mut taken: Vec<_> = (0..nodes).map(|_| waves.ready_at(random()).map_or(0, Timestamp::seconds)).collect();
        taken.sort_unstable();
        Self { taken }
    }

    /// Seconds after publication at which this part of a hundred of the fleet had taken it.
    pub fn reached(&self, percent: usize) -> i64 {
        let at = (self.taken.len() * percent.min(100)).div_ceil(100).saturating_sub(1);
        self.taken.get(at).copied().unwrap_or(0)
    }

    /// Nodes that had taken it after so many seconds.
    pub fn after(&self, seconds: i64) -> usize {
        self.taken.partition_point(|at| *at <= seconds)
    }

    /// Most nodes within any `seconds` seconds.
    pub fn most_within(&self, seconds: i64) -> usize {
        let end = |start: i64| self.taken.partition_point(|at| *at < start.saturating_add(seconds));
        self.taken.iter().enumerate().map(|(i, start)| end(*start) - i).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::policy::{POLICIES, Policy};

    const NODES: usize = 10_000;

    /// Numbers that are the same in each run: a linear congruential generator's upper half (Knuth, MMIX).
    fn numbers() -> impl FnMut() -> u32 {
        let mut state = 1u64;
        move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 32) as u32
        }
    }

    fn fleet(name: &str) -> (Fleet, Waves) {
        let waves = Policy::named(name).expect("a policy").waves(Timestamp::default());
        (Fleet::simulate(&waves, NODES, numbers()), waves)
    }

    /// Most nodes of a fleet of 10,000 in any minute, by policy: the steepest wave's slope, with room for chance and for 2048 places.
    const MOST_IN_A_MINUTE: [(&str, usize); 4] = [("default", 20), ("accelerated", 25), ("ohno", 190), ("slow-roll", 20)];

    #[test]
    fn nobody_stampedes() {
        assert_eq!(MOST_IN_A_MINUTE.map(|(name, _)| name), POLICIES.map(|(name, _)| name));
        for (name, most) in MOST_IN_A_MINUTE {
            let (fleet, _) = fleet(name);
            assert!(fleet.most_within(60) <= most, "{name}: {} in a minute", fleet.most_within(60));
        }
    }

    #[test]
    fn each_wave_reaches_its_part_when_it_ends_and_nobody_is_left() {
        for (name, _) in POLICIES {
            let (fleet, waves) = fleet(name);
            let mut ends: Vec<_> = waves.bounds().skip(1).collect();
            let (_, last) = ends.pop().expect("an end");
            assert_eq!(
                (fleet.after(waves.bounds().next().expect("a wave").1.seconds() - 1), fleet.after(last.seconds())),
                (0, NODES),
                "{name}"
            );
            for (bound, end) in ends {
                let (share, expected) = (fleet.after(end.seconds()) as f64 / NODES as f64, f64::from(bound) / 2048.0);
                // Two hundredths are four standard deviations of so many seeds.
                assert!((share - expected).abs() < 0.02, "{name}: {share} instead of {expected} after {end}");
            }
        }
    }

    /// The test can fail: with Bottlerocket's reading of the same bounds, most of a wave comes in one minute.
    #[test]
    fn bottlerockets_reading_is_a_stampede() {
        let (_, waves) = fleet("default");
        let bounds: BTreeMap<u32, i64> =
            waves.bounds().filter(|(bound, _)| *bound < 2048).map(|(bound, at)| (bound, at.seconds())).collect();
        let mut random = numbers();
        let ready = |seed: u32| {
            let (first, start) = bounds.range(..=seed).next_back().map_or((0, 0), |(bound, at)| (*bound, *at));
            // From the start of the wave, as far as the place in the whole fleet says, but not beyond the wave's end.
            bounds
                .range(seed + 1..)
                .next()
                .map_or(start, |(next, end)| (start + (end - start) * i64::from(seed) / i64::from(next - first)).min(*end))
        };
        let mut taken: Vec<i64> = (0..NODES).map(|_| ready(random() % 2048)).collect();
        taken.sort_unstable();
        assert!(Fleet { taken }.most_within(60) > 500);
    }
}
