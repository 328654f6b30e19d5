//! What may be believed of the time. Pure: clocks and files come in as numbers.

/// Seconds since 1970.
pub(crate) type Seconds = u64;

/// How long after its release an image can be in use: 20 years. A time beyond is damage or a lie. Smaller would one day
/// stop an old node from remembering; larger lets one wrong clock send a node further into the future.
const SERVICE_LIFE: Seconds = 20 * 365 * 86_400;

/// How much the saved time may lag behind, in seconds: what a power cut can cost against how often a disk is written.
const SAVE_AFTER: Seconds = 600;

/// What is known of the time without asking anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    /// When the image was released: it is not earlier than that.
    release: Seconds,
    /// What is on disk, if it can be believed.
    on_disk: Option<Seconds>,
    /// The time last known good, on disk or not yet.
    good: Seconds,
}

impl Known {
    /// From the image and from what was read, which may be anything.
    pub(crate) fn new(release: Seconds, read: Option<Seconds>) -> Self {
        let mut known = Self { release, on_disk: None, good: release };
        known.on_disk = read.filter(|time| known.is_plausible(*time));
        known.good = known.on_disk.unwrap_or(release);
        known
    }

    fn is_plausible(&self, time: Seconds) -> bool {
        (self.release..=self.release.saturating_add(SERVICE_LIFE)).contains(&time)
    }

    /// What the clock, which shows `now`, must be set to at boot; `None` leaves it. Never back, and never against a source of
    /// time: synchronised at the start, this is not a boot but a restart of the service.
    pub(crate) fn at_start(&self, now: Seconds, synchronised: bool) -> Option<Seconds> {
        (now < self.good && !synchronised).then_some(self.good)
    }

    /// Takes note of what the clock shows. Synchronised, it is right even if that is earlier than what was known; else it is
    /// believed only in going forward.
    pub(crate) fn observe(&mut self, now: Seconds, synchronised: bool) {
        if self.is_plausible(now) {
            self.good = if synchronised { now } else { self.good.max(now) };
        }
    }

    /// What must be written now, if anything; `stopping`: there is no later.
    pub(crate) fn due(&self, stopping: bool) -> Option<Seconds> {
        let lag = self.on_disk.map_or(Seconds::MAX, |on_disk| on_disk.abs_diff(self.good));
        (lag >= if stopping { 1 } else { SAVE_AFTER }).then_some(self.good)
    }

    /// It was written.
    pub(crate) fn saved(&mut self, time: Seconds) {
        self.on_disk = Some(time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RELEASE: Seconds = 1_800_000_000;

    #[test]
    fn a_clock_without_a_battery_starts_at_what_was_saved() {
        assert_eq!(Known::new(RELEASE, Some(RELEASE + 5)).at_start(0, false), Some(RELEASE + 5));
        assert_eq!(Known::new(RELEASE, None).at_start(0, false), Some(RELEASE), "first boot");
        assert_eq!(Known::new(RELEASE, Some(RELEASE + 5)).at_start(RELEASE + 6, false), None);
    }

    #[test]
    fn a_restart_does_not_undo_what_a_time_daemon_did() {
        assert_eq!(Known::new(RELEASE, Some(RELEASE + 5_000)).at_start(RELEASE + 1, true), None);
    }

    #[test]
    fn what_cannot_be_is_not_believed() {
        for read in [0, RELEASE - 1, RELEASE + SERVICE_LIFE + 1, Seconds::MAX] {
            assert_eq!(Known::new(RELEASE, Some(read)), Known::new(RELEASE, None), "{read}");
        }
        let mut known = Known::new(RELEASE, Some(RELEASE + 5));
        known.observe(RELEASE + SERVICE_LIFE + 1, true);
        assert_eq!(known.due(true), None, "nor saved");
    }

    #[test]
    fn only_who_asks_others_may_take_the_time_back() {
        let mut known = Known::new(RELEASE, Some(RELEASE + 10_000));
        known.observe(RELEASE + 100, false);
        assert_eq!(known.due(true), None);
        known.observe(RELEASE + 100, true);
        assert_eq!(known.due(false), Some(RELEASE + 100));
    }

    #[test]
    fn the_disk_is_written_seldom_and_at_the_end() {
        let mut known = Known::new(RELEASE, Some(RELEASE));
        known.observe(RELEASE + SAVE_AFTER - 1, false);
        assert_eq!(known.due(false), None);
        assert_eq!(known.due(true), Some(RELEASE + SAVE_AFTER - 1));
        known.observe(RELEASE + SAVE_AFTER, false);
        assert_eq!(known.due(false), Some(RELEASE + SAVE_AFTER));
        known.saved(RELEASE + SAVE_AFTER);
        assert_eq!(known.due(true), None);
    }

    proptest! {
        /// Whatever was read and whatever the clock shows: never back, never before the release, never far beyond it.
        #[test]
        fn the_start_is_bounded(release in 0..4_000_000_000_u64, read in any::<Option<Seconds>>(), now in any::<Seconds>()) {
            if let Some(set) = Known::new(release, read).at_start(now, false) {
                prop_assert!(set > now && set >= release && set <= release + SERVICE_LIFE);
            } else {
                prop_assert!(now >= release);
            }
        }

        /// Over jumps of the clock in either direction, without a source of time: what is saved never goes back, so a node
        /// that stops and starts with a dead clock goes on where it was.
        #[test]
        fn without_a_source_time_does_not_go_back(seen in prop::collection::vec(any::<u32>(), 1..20)) {
            let mut known = Known::new(RELEASE, None);
            let mut latest = RELEASE;
            for now in seen.into_iter().map(Seconds::from) {
                known.observe(now, false);
                if known.is_plausible(now) {
                    latest = latest.max(now);
                }
                prop_assert_eq!(known.good, latest);
            }
            known.saved(known.good);
            prop_assert_eq!(Known::new(RELEASE, known.on_disk).at_start(0, false), Some(latest));
        }

        /// What is saved is always something that a later boot believes.
        #[test]
        fn what_is_saved_is_believed(read in any::<Option<Seconds>>(), seen in prop::collection::vec((any::<Seconds>(), any::<bool>()), 0..20)) {
            let mut known = Known::new(RELEASE, read);
            for (now, synchronised) in seen {
                known.observe(now, synchronised);
                if let Some(time) = known.due(true) {
                    prop_assert!(known.is_plausible(time));
                    known.saved(time);
                }
            }
        }
    }
}
