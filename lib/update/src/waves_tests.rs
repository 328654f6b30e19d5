use proptest::prelude::*;

use super::*;

fn waves(bounds: &[(u32, i64)]) -> Waves {
    let bounds: BTreeMap<_, _> = bounds.iter().map(|(bound, start)| (*bound, Timestamp::from_seconds(*start))).collect();
    Waves::try_from(bounds).expect("waves")
}

fn ready(waves: &Waves, seed: u32) -> Option<i64> {
    waves.ready_at(seed).map(Timestamp::seconds)
}

#[test]
fn a_wave_is_spread_from_its_start_to_the_next() {
    let waves = waves(&[(0, 1000), (1024, 2024), (2048, 4072)]);
    assert_eq!(ready(&waves, 0), Some(1000));
    assert_eq!(ready(&waves, 512), Some(1512));
    assert_eq!(ready(&waves, 1024), Some(2024));
    // Bottlerocket counts places from 0 in each wave, which puts this one behind the end of its wave.
    assert_eq!(ready(&waves, 1536), Some(3048));
    assert_eq!(ready(&waves, 2047), Some(4070));
}

#[test]
fn the_last_wave_lasts_as_long_as_the_one_before() {
    assert_eq!(waves(&[(0, 0), (1024, 1024)]).ready_at(2047), Some(Timestamp::from_seconds(2047)));
    assert_eq!(waves(&[(0, 0)]).ready_at(1024), Some(Timestamp::from_seconds(LONE_WAVE / 2)));
}

#[test]
fn before_the_first_bound_and_without_bounds_it_is_at_once() {
    assert_eq!(waves(&[(100, 5)]).ready_at(99), None);
    assert_eq!(Waves::default().ready_at(99), None);
}

#[test]
fn bounds_that_contradict_each_other_are_refused() {
    let bounds =
        |list: &[(u32, i64)]| list.iter().map(|(bound, start)| (*bound, Timestamp::from_seconds(*start))).collect::<BTreeMap<_, _>>();
    assert_eq!(Waves::try_from(bounds(&[(2049, 0)])), Err(WavesError::Bound(2049)));
    assert_eq!(Waves::try_from(bounds(&[(0, 10), (5, 9)])), Err(WavesError::Order(5)));
}

prop_compose! {
    fn any_waves()(bounds in prop::collection::btree_set(0..=MAX_SEED, 0..12), steps in prop::collection::vec(0i64..10_000_000, 12)) -> Waves {
        let mut at = 0;
        let starts = steps.into_iter().map(|step| { at += step; Timestamp::from_seconds(at) });
        Waves::try_from(bounds.into_iter().zip(starts).collect::<BTreeMap<_, _>>()).expect("waves")
    }
}

proptest! {
    #[test]
    fn any_seed_is_answered_as_its_place(waves in any_waves(), seed: u32) {
        prop_assert_eq!(waves.ready_at(seed), waves.ready_at(seed % MAX_SEED));
    }

    #[test]
    fn a_later_place_is_never_earlier(waves in any_waves()) {
        let times: Vec<_> = (0..MAX_SEED).map(|seed| waves.ready_at(seed)).collect();
        prop_assert!(times.is_sorted());
    }

    /// Within one wave the distance of neighbours differs by rounding only.
    #[test]
    fn a_wave_is_spread_evenly(waves in any_waves()) {
        let mut bounds: Vec<u32> = waves.bounds().map(|(bound, _)| bound).filter(|bound| *bound < MAX_SEED).collect();
        bounds.push(MAX_SEED);
        for wave in bounds.windows(2) {
            let times: Vec<i64> = (wave[0]..wave[1]).filter_map(|seed| ready(&waves, seed)).collect();
            prop_assert_eq!(times.len(), (wave[1] - wave[0]) as usize);
            let gaps: Vec<i64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
            let (least, most) = (gaps.iter().min().copied().unwrap_or(0), gaps.iter().max().copied().unwrap_or(0));
            prop_assert!(most - least <= 1, "{} to {}", least, most);
        }
    }

    #[test]
    fn extreme_times_are_survived(bounds in prop::collection::btree_map(any::<u32>(), any::<i64>(), 0..6), seed: u32) {
        let bounds: BTreeMap<_, _> = bounds.into_iter().map(|(bound, at)| (bound % 2050, Timestamp::from_seconds(at))).collect();
        if let Ok(waves) = Waves::try_from(bounds) {
            let _ = waves.ready_at(seed);
        }
    }
}
