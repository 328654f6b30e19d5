//! Ctrl-C and requests to stop: noted, so that whoever waits can end in an orderly way.

use std::{
    error::Error,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use signal_hook::{consts, flag};

/// How often a waiting loop looks.
const POLL: Duration = Duration::from_millis(100);

/// Why something is not there: we were asked to stop.
#[derive(Debug)]
pub(crate) struct Stopped;

impl Stopped {
    /// What shells report of a program that Ctrl-C ended: 128 and the number of the signal.
    pub(crate) const EXIT_CODE: u8 = 130;
}

impl fmt::Display for Stopped {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("stopped on request")
    }
}

impl Error for Stopped {}

/// Whether we have been asked to stop. A second request ends the program at once.
#[derive(Clone)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    pub(crate) fn watch() -> Result<Self> {
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [consts::SIGINT, consts::SIGTERM, consts::SIGHUP] {
            // Order matters: the first request finds the flag false, the second true.
            flag::register_conditional_shutdown(signal, 130, asked.clone()).context("cannot watch for signals")?;
            flag::register(signal, asked.clone()).context("cannot watch for signals")?;
        }
        Ok(Self(asked))
    }

    pub(crate) fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The result, unless we were asked to stop meanwhile: then it is not wanted any more, and an error is only the consequence
    /// (Ctrl-C reaches the programs that we run as well).
    pub(crate) fn unless_asked<T>(&self, result: Result<T>) -> Result<T> {
        if self.asked() { Err(Stopped.into()) } else { result }
    }

    /// Sleeps, but not beyond a request to stop. Whether there was one.
    pub(crate) fn sleep(&self, duration: Duration) -> bool {
        let end = Instant::now() + duration;
        while !self.asked() && Instant::now() < end {
            thread::sleep(POLL.min(duration));
        }
        self.asked()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_to_stop_explains_what_came_after_it() {
        let interrupt = Interrupt(Arc::default());
        assert_eq!(interrupt.unless_asked(Ok(1)).unwrap(), 1);
        interrupt.0.store(true, Ordering::Relaxed);
        assert!(interrupt.unless_asked(Ok(1)).unwrap_err().is::<Stopped>());
        assert!(interrupt.unless_asked::<()>(Err(anyhow::anyhow!("make failed"))).unwrap_err().is::<Stopped>());
    }
}
