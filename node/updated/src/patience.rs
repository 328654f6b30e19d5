//! Tries again what may go well in a moment (`ampoule_update::backoff`), and says in the end what became of it.

use crate::fetcher::{FetchError, Fetcher};
use crate::transfer::lock;
use ampoule_update::backoff::Backoff;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How soon a wait notices that the command is to stop.
const LOOK: Duration = Duration::from_millis(100);

/// How long, and until when.
#[derive(Clone, Debug)]
pub(crate) struct Patience {
    /// What sets this node apart from others that ask the same server.
    pub(crate) seed: u32,
    /// Ends each wait at once.
    pub(crate) stop: Arc<AtomicBool>,
    /// Time that is left for waits, of all requests that share it.
    pub(crate) left: Arc<Mutex<Duration>>,
}

impl Patience {
    /// Whether there is so much time, which is then gone.
    fn has(&self, wait: Duration) -> bool {
        let mut left = lock(&self.left);
        left.checked_sub(wait).map(|rest| *left = rest).is_some()
    }

    fn sleep(&self, wait: Duration, in_vain: &impl Fn() -> bool) -> Result<(), FetchError> {
        let began = Instant::now();
        while began.elapsed() < wait && !in_vain() {
            if self.stop.load(Ordering::Relaxed) {
                return Err(FetchError::Stopped);
            }
            std::thread::sleep(LOOK.min(wait.saturating_sub(began.elapsed())));
        }
        Ok(())
    }
}

/// An error that may be one of a server.
pub(crate) trait Fetched: From<FetchError> {
    /// # Errors
    /// It is another one, and comes back.
    fn into_fetch(self) -> Result<FetchError, Self>;
}

impl Fetched for FetchError {
    fn into_fetch(self) -> Result<FetchError, Self> {
        Ok(self)
    }
}

impl Fetcher {
    /// Tries again what may go well in a moment, unless that has become of no use. Each attempt begins anew. `about` sets this request apart from others of the node.
    pub(crate) fn patiently<T, E: Fetched>(
        &self,
        about: &str,
        in_vain: impl Fn() -> bool,
        mut attempt: impl FnMut() -> Result<T, E>,
    ) -> Result<T, E> {
        let mut backoff = Backoff::new(self.patience.seed, about);
        loop {
            let error = match attempt().map_err(E::into_fetch) {
                Ok(done) => return Ok(done),
                Err(Err(other)) => return Err(other),
                Err(Ok(error)) if !error.passes() => return Err(error.into()),
                Err(Ok(error)) => error,
            };
            let Some(wait) = backoff.wait(error.retry_after()).filter(|wait| self.patience.has(*wait)) else {
                return Err(error.given_up(backoff.failed()).into());
            };
            log::info!("{error}; tried again in {:.1} s", wait.as_secs_f64());
            self.patience.sleep(wait, &in_vain)?;
            if in_vain() {
                return Err(error.into());
            }
        }
    }
}
