//! Ctrl-C and requests to stop: noted, so that whoever waits can end in an orderly way.

use std::{
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

    /// Sleeps, but not beyond a request to stop. Whether there was one.
    pub(crate) fn sleep(&self, duration: Duration) -> bool {
        let end = Instant::now() + duration;
        while !self.asked() && Instant::now() < end {
            thread::sleep(POLL.min(duration));
        }
        self.asked()
    }
}
