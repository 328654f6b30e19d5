//! Makes what was written durable, beside the loop that writes: a slow disk must not stop the services' output.

use std::{
    collections::BTreeMap,
    fs::File,
    os::fd::AsRawFd,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// After errors and worse: the machine may be about to die, and the reason should survive.
const SOON: Duration = Duration::from_millis(50);
/// Otherwise: what a power cut may cost. Shorter wears flash.
const LATER: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
struct Waiting {
    files: BTreeMap<i32, Arc<File>>,
    due: Option<Instant>,
}

/// Files that wait to be synced.
#[derive(Debug, Default)]
pub(crate) struct Syncer {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

impl Syncer {
    /// Starts its thread.
    pub(crate) fn start() -> std::io::Result<Arc<Self>> {
        let syncer = Arc::new(Self::default());
        let own = syncer.clone();
        thread::Builder::new().name("sync".into()).stack_size(64 * 1024).spawn(move || own.run())?;
        Ok(syncer)
    }

    /// Takes files that were written to.
    pub(crate) fn add(&self, files: Vec<Arc<File>>, urgent: bool) {
        if files.is_empty() {
            return;
        }
        let due = Instant::now() + if urgent { SOON } else { LATER };
        let mut waiting = self.lock();
        waiting.files.extend(files.into_iter().map(|file| (file.as_raw_fd(), file)));
        waiting.due = Some(waiting.due.map_or(due, |old| old.min(due)));
        self.changed.notify_one();
    }

    /// Syncs now; for the end.
    pub(crate) fn sync_now(&self) {
        let files = std::mem::take(&mut self.lock().files);
        for file in files.values() {
            if let Err(error) = file.sync_data() {
                log::error!("the log could not be made durable: {error}");
            }
        }
    }

    fn run(&self) {
        loop {
            self.wait_until_due();
            self.sync_now();
        }
    }

    fn wait_until_due(&self) {
        let mut waiting = self.lock();
        loop {
            let pause = waiting.due.map(|due| due.saturating_duration_since(Instant::now()));
            waiting = match pause {
                Some(Duration::ZERO) => break,
                Some(pause) => self.changed.wait_timeout(waiting, pause).unwrap_or_else(PoisonError::into_inner).0,
                None => self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner),
            };
        }
        waiting.due = None;
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
