//! Which of the numbers that the kernel gives its records did not come.

/// Numbers of which it is known which came.
const WINDOW: u64 = u64::BITS as u64;

/// Counts the records that are missing between the first that came and the last. Several may have one number: they are of one event. A process
/// that is put aside between taking its number and handing its record over is overtaken by hundreds; what comes that late is missing no more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sequence {
    /// The highest number that came, and of it and those before it which came: bit n is `highest - n`.
    seen: Option<(u64, u64)>,
    /// Of those before these.
    missing: u64,
}

impl Sequence {
    /// Takes the number of a record that came.
    pub fn take(&mut self, number: u64) {
        self.seen = Some(match self.seen {
            // What was before the first was never waited for.
            None => (number, u64::MAX),
            Some((highest, came)) if number > highest => (number, self.advance(came, number - highest)),
            Some((highest, came)) => (highest, self.overtaken(came, highest - number)),
        });
    }

    /// How many did not come.
    pub fn missing(&self) -> u64 {
        let in_window = self.seen.map_or(0, |(_, came)| came.count_zeros());
        self.missing.saturating_add(in_window.into())
    }

    /// What leaves the window is judged.
    fn advance(&mut self, came: u64, step: u64) -> u64 {
        let (gone, kept) = match step {
            ..WINDOW => ((!came >> (WINDOW - step)).count_ones(), came << step),
            _ => (came.count_zeros(), 0),
        };
        self.missing = self.missing.saturating_add(u64::from(gone)).saturating_add(step.saturating_sub(WINDOW));
        kept | 1
    }

    fn overtaken(&mut self, came: u64, back: u64) -> u64 {
        if back < WINDOW {
            return came | 1 << back;
        }
        self.missing = self.missing.saturating_sub(1);
        came
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn missing(numbers: &[u64]) -> u64 {
        let mut sequence = Sequence::default();
        numbers.iter().for_each(|number| sequence.take(*number));
        sequence.missing()
    }

    #[test]
    fn gaps_are_counted_wherever_they_are() {
        assert_eq!((missing(&[]), missing(&[7]), missing(&[7, 7, 8, 9])), (0, 0, 0));
        assert_eq!(missing(&[7, 9]), 1);
        assert_eq!(missing(&[7, 8, 108, 110]), 100);
        assert_eq!(missing(&[u64::MAX - 1, u64::MAX]), 0);
        assert_eq!(missing(&[1, u64::MAX]), u64::MAX - 2);
        assert_eq!(missing(&[1, 65, 66, 129, 130]), 63 + 62);
    }

    #[test]
    fn who_is_overtaken_is_not_missing() {
        assert_eq!(missing(&[5, 7, 6, 8]), 0);
        assert_eq!(missing(&[5, 68, 6]), 61);
        assert_eq!(missing(&[5, 200, 6]), 193);
        assert_eq!(missing(&[5, 4, 3]), 0);
    }

    proptest! {
        #[test]
        fn as_a_set_would_have_it(came in proptest::collection::btree_set(1_u64..2000, 1..300), delays in proptest::collection::vec((0_usize..300, 1_usize..200), 0..50)) {
            let mut numbers: Vec<u64> = came.iter().copied().collect();
            for (at, by) in delays {
                // The first is where the count begins.
                let (at, to) = (at.max(1), (at + by).min(numbers.len().saturating_sub(1)));
                if at < to {
                    numbers[at..=to].rotate_left(1);
                }
            }
            let span = came.last().unwrap_or(&0) - numbers[0] + 1;
            prop_assert_eq!(missing(&numbers), span - came.len() as u64);
        }
    }
}
