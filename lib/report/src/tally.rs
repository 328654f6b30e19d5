//! What strangers can make happen as often as they like is told now and then, with its number: else they could fill the log.

use std::time::{Duration, Instant};

/// Counts; says when to tell.
#[derive(Debug)]
pub struct Tally {
    every: Duration,
    told: Option<Instant>,
    count: u64,
}

impl Tally {
    /// Nothing has happened yet; to be told at most once in a span of this length.
    #[must_use]
    pub const fn once_in(every: Duration) -> Self {
        Self { every, told: None, count: 0 }
    }

    /// It happened at `now`: how many times since it was last told, if it is time to tell. The first is told at once.
    pub fn more(&mut self, now: Instant) -> Option<u64> {
        self.count += 1;
        let due = self.told.is_none_or(|told| now.saturating_duration_since(told) >= self.every);
        due.then(|| {
            self.told = Some(now);
            std::mem::take(&mut self.count)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_told_and_then_as_many_as_came_in_a_span() {
        let (start, span) = (Instant::now(), Duration::from_secs(10));
        let mut tally = Tally::once_in(span);
        assert_eq!(tally.more(start), Some(1));
        assert_eq!((0..999).filter_map(|ms| tally.more(start + Duration::from_millis(ms))).count(), 0);
        assert_eq!(tally.more(start + span), Some(1000));
        assert_eq!(tally.more(start + span), None);
        assert_eq!(tally.more(start + span + span), Some(2));
    }
}
