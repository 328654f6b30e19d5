//! What happens when a workload ended or could not be started.

use std::time::Duration;

use crate::RestartPolicy;

/// First wait. Short, because a database that stumbles once should be back at once.
pub const FIRST_DELAY: Duration = Duration::from_secs(1);
/// Longest wait. Long enough that a crash loop costs a node nearly nothing, short enough that a
/// person who repaired the cause need not wait long.
pub const LONGEST_DELAY: Duration = Duration::from_secs(60);
/// A life this long counts as healthy: the waits begin anew.
pub const STABLE_AFTER: Duration = Duration::from_secs(30);

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Start again after this time.
    Again(Duration),
    /// Leave it: it did what it should.
    Stopped,
    /// Leave it: it failed and may not be started again.
    Failed,
}

/// Counts the failures in a row and the restarts of one workload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restarts {
    in_a_row: u32,
    total: u32,
}

impl Restarts {
    /// Starts after the first one, since the workload was last made or changed.
    pub fn total(&self) -> u32 {
        self.total
    }

    /// The process ended with `code` after a life of `lived`.
    pub fn ended(&mut self, policy: RestartPolicy, code: u32, lived: Duration) -> Next {
        if lived >= STABLE_AFTER {
            self.in_a_row = 0;
        }
        match (policy, code) {
            (RestartPolicy::Always, _) | (RestartPolicy::OnFailure, 1..) => self.again(),
            (RestartPolicy::OnFailure | RestartPolicy::Never, 0) => Next::Stopped,
            (RestartPolicy::Never, _) => Next::Failed,
        }
    }

    /// It could not be started (image, network, runtime). Tried again under every policy: the
    /// policy speaks about a process that ended, and none has lived yet.
    pub fn not_started(&mut self) -> Next {
        Next::Again(self.delay())
    }

    fn again(&mut self) -> Next {
        self.total = self.total.saturating_add(1);
        Next::Again(self.delay())
    }

    fn delay(&mut self) -> Duration {
        let factor = 2u32.saturating_pow(self.in_a_row);
        self.in_a_row = self.in_a_row.saturating_add(1);
        FIRST_DELAY.saturating_mul(factor).min(LONGEST_DELAY)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SHORT: Duration = Duration::from_secs(1);

    #[test]
    fn waits_double_up_to_the_longest() {
        let mut restarts = Restarts::default();
        let waits: Vec<_> = (0..9).map(|_| restarts.ended(RestartPolicy::Always, 1, SHORT)).collect();
        let seconds = [1, 2, 4, 8, 16, 32, 60, 60, 60];
        assert_eq!(waits, seconds.map(|s| Next::Again(Duration::from_secs(s))));
        assert_eq!(restarts.total(), 9);
    }

    #[test]
    fn a_stable_life_forgives() {
        let mut restarts = Restarts::default();
        for _ in 0..5 {
            restarts.ended(RestartPolicy::Always, 1, SHORT);
        }
        assert_eq!(restarts.ended(RestartPolicy::Always, 1, STABLE_AFTER), Next::Again(FIRST_DELAY));
    }

    #[test]
    fn policies() {
        let end = |policy, code| Restarts::default().ended(policy, code, SHORT);
        assert_eq!(end(RestartPolicy::Always, 0), Next::Again(FIRST_DELAY));
        assert_eq!(end(RestartPolicy::OnFailure, 0), Next::Stopped);
        assert_eq!(end(RestartPolicy::OnFailure, 3), Next::Again(FIRST_DELAY));
        assert_eq!(end(RestartPolicy::Never, 0), Next::Stopped);
        assert_eq!(end(RestartPolicy::Never, 3), Next::Failed);
    }

    proptest! {
        #[test]
        fn a_wait_is_never_zero_nor_too_long(codes in proptest::collection::vec((any::<u32>(), 0u64..100), 1..100)) {
            let mut restarts = Restarts::default();
            for (code, lived) in codes {
                let next = restarts.ended(RestartPolicy::Always, code, Duration::from_secs(lived));
                let Next::Again(wait) = next else { panic!("always means again") };
                prop_assert!((FIRST_DELAY..=LONGEST_DELAY).contains(&wait));
            }
        }
    }
}
