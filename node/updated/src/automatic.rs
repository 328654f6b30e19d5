//! Updates by themselves, where settings want that: looked for now and then, taken inside the windows.

use crate::error::UpdateError;
use crate::repository::now;
use crate::updater::{Updater, lock, random};
use ampoule_update::config::Config;
use ampoule_update::{Command, State};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

/// Between two looks at the settings or the boot, where nothing else says when.
const PAUSE: Duration = Duration::from_secs(60);
/// Longest wait in one piece; a clock that is set is noticed after it.
const LONGEST: Duration = Duration::from_secs(3600);

/// How long is still waited, and for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wait {
    left: Duration,
    /// What the node drew, where it waits for its turn in a window: the clock says when that is. Everything else is a time that passes whatever the clock says.
    drawn: Option<u32>,
}

impl Wait {
    fn time(left: Duration) -> Self {
        Self { left, drawn: None }
    }

    fn turn(config: &Config, now: u64, random: u32) -> Self {
        Self { left: config.until_turn(now, random), drawn: Some(random) }
    }

    /// What is left of it after one piece. With the number that was drawn before, since the smallest of many would be at the begin of the window on every node.
    fn after_a_piece(self, until_turn: impl FnOnce(u32) -> Duration) -> Self {
        let left = self.left.saturating_sub(LONGEST);
        Self { left: self.drawn.map_or(left, |random| left.min(until_turn(random))), ..self }
    }
}

impl Updater {
    /// Goes on for ever. A message on `changed` says that settings changed.
    pub(crate) fn by_itself(&self, changed: &Receiver<()>) {
        let mut wait = first_wait(self);
        loop {
            match changed.recv_timeout(wait.left.min(LONGEST)) {
                Ok(()) => wait = first_wait(self),
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) if wait.left > LONGEST => wait = wait.after_a_piece(|random| self.until_turn(random)),
                Err(RecvTimeoutError::Timeout) => wait = self.once(),
            }
        }
    }

    /// Settings that cannot be read make it the turn of [`Self::once`], which says so.
    fn until_turn(&self, random: u32) -> Duration {
        self.config().map_or(Duration::ZERO, |config| config.until_turn(seconds(), random))
    }

    /// Does what may be done now; how long to wait until the next time.
    fn once(&self) -> Wait {
        let config = match self.config() {
            Ok(config) if config.automatic => config,
            Ok(_) => return Wait::time(LONGEST),
            Err(error) => {
                log::error!("{}", ampoule_report::chain(&error));
                return Wait::time(LONGEST);
            }
        };
        // A boot that is on trial is seen through first.
        if lock(&self.awaited).is_some() || self.runs().is_some() {
            return Wait::time(PAUSE);
        }
        if !config.until_window(seconds()).is_zero() {
            let wait = Wait::turn(&config, seconds(), random());
            log::info!("no window for updates is open: the turn of this node is in {} s", wait.left.as_secs());
            return wait;
        }
        let wished = self.take_what_is_offered().err().and_then(|error| {
            // Failures of a command are logged where they happen.
            log::info!("no update by itself now: {}", ampoule_report::chain(&error));
            error.retry_after()
        });
        Wait::time(config.poll_after_wish(wished.unwrap_or_default(), random()))
    }

    fn take_what_is_offered(&self) -> Result<(), UpdateError> {
        self.command(Command::Refresh)?;
        if self.record().state == State::Available {
            self.command(Command::Prepare)?;
        }
        // The download may have taken longer than the window: what is staged waits for the next one.
        if !self.config()?.until_window(seconds()).is_zero() {
            return Ok(());
        }
        if self.record().state == State::Staged {
            self.command(Command::Activate)?;
        }
        match self.record().state {
            State::Ready => self.reboot(),
            _ => Ok(()),
        }
    }

    fn command(&self, command: Command) -> Result<(), UpdateError> {
        let _alone = self.begin(command)?;
        self.carry_out(command)
    }
}

/// Nodes that are started together do not ask together.
fn first_wait(updater: &Updater) -> Wait {
    Wait::time(match updater.config() {
        Ok(config) if config.automatic => updater.places.pace().first_look * (random() % 1000) / 1000,
        _ => LONGEST,
    })
}

fn seconds() -> u64 {
    u64::try_from(now().seconds()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-03, a Saturday, 00:00.
    const SATURDAY: u64 = 1_767_398_400;
    const HOUR: u64 = 3600;
    const HALF: u32 = u32::MAX / 2 + 1;

    fn hours(hours: u64) -> Duration {
        Duration::from_secs(hours * HOUR)
    }

    /// The quarter of the interval is an hour.
    fn config() -> Config {
        Config::parse(br#"{"automatic":true,"windows":["Sat 02:00-05:00"],"poll-interval-seconds":14400}"#).expect("settings")
    }

    /// Left of a wait, in whole seconds.
    fn after(wait: Wait, now: u64) -> u64 {
        wait.after_a_piece(|random| config().until_turn(now, random)).left.as_secs()
    }

    #[test]
    fn a_clock_that_is_set_is_noticed_after_a_piece_of_a_wait_for_a_window() {
        // Five days and two hours by a clock that is years behind, and half an hour of the window.
        let wrong = Wait::turn(&config(), 24 * HOUR * (365 * 46 + 7), HALF);
        assert_eq!(wrong.left.as_secs(), (5 * 24 + 2) * HOUR + HOUR / 2);
        assert_eq!(after(wrong, SATURDAY), 2 * HOUR + HOUR / 2);
        assert_eq!(after(wrong, SATURDAY + 2 * HOUR + 60), HOUR / 2 - 60, "it is open, and the turn is still to come");
        assert_eq!(after(wrong, SATURDAY + 4 * HOUR), 0, "it is open, and the turn would have been before");
    }

    #[test]
    fn a_clock_that_goes_right_changes_nothing_and_one_that_is_set_back_makes_no_wait_longer() {
        let wait = Wait::turn(&config(), SATURDAY, u32::MAX);
        assert_eq!(wait.left, hours(3));
        assert_eq!(after(wait, SATURDAY + HOUR), 2 * HOUR);
        assert_eq!(after(wait.after_a_piece(|_| hours(2)), SATURDAY + 2 * HOUR), HOUR);
        assert_eq!(after(wait, SATURDAY - 24 * HOUR), 2 * HOUR);
    }

    #[test]
    fn a_wait_for_no_window_passes_whatever_the_clock_says() {
        for now in [0, SATURDAY, SATURDAY + 2 * HOUR, SATURDAY + 6 * HOUR] {
            assert_eq!(after(Wait::time(hours(6)), now), 5 * HOUR);
        }
    }
}
