//! Updates by themselves, where settings want that: looked for now and then, taken inside the windows.

use crate::error::UpdateError;
use crate::repository::now;
use crate::updater::{Updater, lock};
use ampoule_update::{Command, State};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

/// Between two looks at the settings or the boot, where nothing else says when.
const PAUSE: Duration = Duration::from_secs(60);
/// Longest wait in one piece; a clock that is set is noticed then.
const LONGEST: Duration = Duration::from_secs(3600);

impl Updater {
    /// Goes on for ever. A message on `changed` says that settings changed.
    pub(crate) fn by_itself(&self, changed: &Receiver<()>) {
        let mut wait = first_wait(self);
        loop {
            match changed.recv_timeout(wait.min(LONGEST)) {
                Ok(()) => wait = first_wait(self),
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) if wait > LONGEST => wait -= LONGEST,
                Err(RecvTimeoutError::Timeout) => wait = self.once(),
            }
        }
    }

    /// Does what may be done now; how long to wait until the next time.
    fn once(&self) -> Duration {
        let config = match self.config() {
            Ok(config) if config.automatic => config,
            Ok(_) => return LONGEST,
            Err(error) => {
                log::error!("{}", ampoule_report::chain(&error));
                return LONGEST;
            }
        };
        // A boot that is on trial is seen through first.
        if lock(&self.awaited).is_some() || self.runs().is_some() {
            return PAUSE;
        }
        let closed = config.until_window(seconds());
        if !closed.is_zero() {
            return closed;
        }
        if let Err(error) = self.take_what_is_offered() {
            // Failures of a command are logged where they happen.
            log::info!("no update by itself now: {}", ampoule_report::chain(&error));
        }
        config.poll_after(random())
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
fn first_wait(updater: &Updater) -> Duration {
    match updater.config() {
        Ok(config) if config.automatic => updater.places.pace().first_look * (random() % 1000) / 1000,
        _ => LONGEST,
    }
}

fn seconds() -> u64 {
    u64::try_from(now().seconds()).unwrap_or_default()
}

fn random() -> u32 {
    let mut bytes = [0; 4];
    // Without a random number the wait is the shortest one.
    let _ = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    u32::from_le_bytes(bytes)
}
