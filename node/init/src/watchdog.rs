//! The hardware watchdog: it resets the machine when this program hangs, and with it the node. `lib/supervise` says when it is spoken to.

use crate::console::{Level, log, note};
use crate::timeline::now;
use ampoule_supervise::watchdog::{STOPPING_TIMEOUT, Step, TIMEOUT, UNTOLD_TIMEOUT, Watchdog};
use ampoule_sys::watchdog::{set_watchdog_timeout, watchdog_timeout};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::os::fd::OwnedFd;

/// The first one there is. Only one program can have it open, so nobody else can feed or stop it.
const DEVICE: &str = "/dev/watchdog0";
/// What lets a device stop when it is closed; without it a closed device goes on (the "magic close" of its interface).
const MAGIC: &[u8] = b"V";

/// The device, as far as there is one, and when it is fed.
pub(crate) struct Feeder {
    path: &'static str,
    device: Option<OwnedFd>,
    decision: Watchdog,
}

impl Feeder {
    /// Opens the device if it is there: from then on it must be fed.
    pub(crate) fn start() -> Self {
        Self::start_at(DEVICE)
    }

    fn start_at(path: &'static str) -> Self {
        let mut this = Self { path, device: None, decision: Watchdog::new(now()) };
        this.tend();
        this
    }

    /// Does what is due.
    pub(crate) fn tend(&mut self) {
        match self.decision.due(now()) {
            Some(Step::Look) => self.look(),
            Some(Step::Feed) => self.feed(),
            None => {}
        }
    }

    /// When [`Self::tend`] has something to do.
    pub(crate) fn next_deadline(&self) -> Option<u64> {
        self.decision.next_deadline()
    }

    fn look(&mut self) {
        match rustix::fs::open(self.path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty()) {
            Ok(device) => {
                let limit = limit(&device, TIMEOUT);
                log(Level::Info, &format!("the hardware watchdog resets the machine when init is silent for {limit} s"));
                self.device = Some(device);
                self.decision.runs(now(), limit);
            }
            // No driver yet, or a driver without its hardware.
            Err(Errno::NOENT | Errno::NODEV | Errno::NXIO) => self.decision.is_missing(now()),
            Err(error) => {
                log(Level::Error, &format!("{}: {error}; a hang of init is not noticed", self.path));
                self.decision.ends();
            }
        }
    }

    /// Speaks to the device, if there is one.
    pub(crate) fn feed(&mut self) {
        // A driver that fails once resets the machine if it goes on failing, which is what it is for.
        if let Some(device) = &self.device {
            note("Hardware watchdog", rustix::io::write(device, b"\0"));
        }
        self.decision.fed(now());
    }

    /// The machine is about to end: from here on nobody comes back to [`Self::tend`].
    pub(crate) fn stopping(&mut self) {
        if let Some(device) = &self.device {
            let limit = limit(device, STOPPING_TIMEOUT);
            self.decision.runs(now(), limit);
            self.feed();
        }
    }

    /// Stops the device: a machine that is switched off, or held by its firmware, must not be started again by it. Never before a restart, which may hang.
    pub(crate) fn stop(&mut self) {
        if let Some(device) = self.device.take() {
            note("Hardware watchdog", rustix::io::write(&device, MAGIC));
            self.decision.ends();
        }
    }
}

/// Sets a limit and gives the one that counts: drivers have bounds, and some a fixed one.
fn limit(device: &OwnedFd, wanted: u32) -> u32 {
    let set = set_watchdog_timeout(device, wanted).or_else(|_| watchdog_timeout(device));
    set.ok().filter(|seconds| *seconds > 0).unwrap_or(UNTOLD_TIMEOUT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A file in the device's place: it takes writes and knows no limit.
    fn device(name: &str) -> &'static str {
        let path = std::env::temp_dir().join(format!("ampoule-init-{name}-{}", std::process::id()));
        fs::write(&path, "").expect("a file");
        path.to_string_lossy().into_owned().leak()
    }

    fn written(path: &str) -> Vec<u8> {
        let bytes = fs::read(path).expect("what was written");
        fs::remove_file(path).expect("removed");
        bytes
    }

    #[test]
    fn it_is_fed_when_that_is_due_and_stopped_only_when_told() {
        let path = device("fed");
        let mut feeder = Feeder::start_at(path);
        let due = feeder.next_deadline().expect("it must be fed");
        assert!(due.saturating_sub(now()) <= u64::from(UNTOLD_TIMEOUT) * 1000 / 3, "due at {due}");
        feeder.tend();
        assert_eq!(fs::read(path).expect("written"), b"", "not yet due");
        feeder.feed();
        feeder.stopping();
        assert_eq!(fs::read(path).expect("written"), b"\0\0");
        feeder.stop();
        feeder.feed();
        assert_eq!((written(path).as_slice(), feeder.next_deadline()), (&b"\0\0V"[..], None));
    }

    #[test]
    fn dropping_it_does_not_stop_it() {
        let path = device("dropped");
        drop(Feeder::start_at(path));
        assert_eq!(written(path), b"");
    }

    #[test]
    fn one_that_comes_later_is_found() {
        let path = device("later");
        fs::remove_file(path).expect("removed");
        let mut feeder = Feeder::start_at(path);
        assert!(feeder.device.is_none() && feeder.next_deadline().is_some());
        fs::write(path, "").expect("a file");
        feeder.look();
        assert!(feeder.device.is_some());
        written(path);
    }

    #[test]
    fn one_that_another_has_is_not_waited_for() {
        let mut feeder = Feeder::start_at("/proc/self/mem/none");
        assert_eq!((feeder.device.is_none(), feeder.next_deadline()), (true, None));
        feeder.stopping();
        feeder.stop();
    }
}
