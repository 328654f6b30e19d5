use super::*;
use crate::MAX_SEED;
use proptest::prelude::*;

const URL: &str = "https://mirror.example/metadata/timestamp.json";

/// The waits of a node, of which the server wants each to be this long.
fn waits(seed: u32, about: &str, wished: Option<Duration>) -> Vec<Duration> {
    let mut backoff = Backoff::new(seed, about);
    std::iter::from_fn(|| backoff.wait(wished)).take(10).collect()
}

fn least(wished: Option<u64>) -> [u64; 3] {
    [1, 2, 4].map(|own| wished.unwrap_or_default().clamp(own, LONGEST.as_secs()))
}

/// Most of a fleet that ask within a hundredth of the time over which they could be spread. All had their first answer at the same moment, and each waits as it does.
fn most_at_once(moments: &[Duration], from: Duration, spread: Duration) -> usize {
    let mut counts = [0; 100];
    for moment in moments {
        let place = (moment.saturating_sub(from).as_nanos() * 100 / spread.as_nanos()) as usize;
        counts[place.min(99)] += 1;
    }
    counts.into_iter().max().unwrap_or_default()
}

#[test]
fn a_fleet_does_not_come_back_in_one_wave() {
    // Every place in a fleet five times, as in one of ten thousand nodes.
    let fleet: Vec<u32> = (0..5 * MAX_SEED).collect();
    for wished in [None, Some(30), Some(u64::MAX)] {
        for try_ in 0..3 {
            let moments: Vec<_> = fleet.iter().map(|seed| waits(*seed, URL, wished.map(Duration::from_secs))[try_]).collect();
            let from = Duration::from_secs(least(wished)[try_]);
            let most = most_at_once(&moments, from, from.min(SPREAD));
            // A hundredth of 10,240 is 102; five standard deviations more are 153.
            assert!(most < 160, "{most} of {} at once after try {try_} with {wished:?}", fleet.len());
        }
    }
}

/// The test above can fail: without a share of its own each node comes with all others.
#[test]
fn a_fleet_without_shares_is_one_wave() {
    let moments = vec![Duration::from_secs(1); 10_240];
    assert_eq!(most_at_once(&moments, FIRST, FIRST), 10_240);
}

/// Who was late the first time is as likely early the next: else those that came together would stay together.
#[test]
fn nodes_that_came_together_come_apart_with_the_next_try() {
    let early: Vec<_> = (0..5 * MAX_SEED).map(|seed| waits(seed, URL, None)).filter(|waits| waits[0] < FIRST + FIRST / 20).collect();
    assert!(early.len() > 400, "{}", early.len());
    let seconds: Vec<_> = early.iter().map(|waits| waits[1]).collect();
    let most = most_at_once(&seconds, FIRST * 2, FIRST * 2);
    assert!(most < early.len() / 20, "{most} of {}", early.len());
}

#[test]
fn requests_of_one_node_come_apart_and_a_wait_is_the_same_whenever_it_is_asked_for() {
    let one = waits(7, "https://mirror.example/root 0", None);
    assert_eq!(one, waits(7, "https://mirror.example/root 0", None));
    assert_ne!(one[0], waits(7, "https://mirror.example/root 1024", None)[0]);
}

proptest! {
    #[test]
    fn a_server_is_asked_four_times_and_never_before_it_wants_within_a_minute(seed: u32, about in "\\PC{0,40}", wished in prop::option::of(any::<u64>())) {
        let waits = waits(seed, &about, wished.map(Duration::from_secs));
        prop_assert_eq!(waits.len(), TRIES as usize - 1);
        for (wait, least) in waits.into_iter().zip(least(wished)) {
            let least = Duration::from_secs(least);
            prop_assert!(wait >= least && wait < least + least.min(SPREAD), "{:?} for {:?}", wait, least);
        }
    }
}
