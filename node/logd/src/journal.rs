//! The one way into the log: store, followers, console, in this order.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use ampoule_logwire::Query;

use crate::{
    console::Console,
    draft::Draft,
    followers::{Follower, Followers},
    store::{History, Store},
    syncer::Syncer,
};

/// Least important level that is made durable at once: "error".
const URGENT_LEVEL: u8 = 3;
/// Between two complaints about a disk that does not take the log.
const COMPLAINT_PAUSE: Duration = Duration::from_secs(60);

/// What the readers' threads and the main loop share.
#[derive(Debug)]
pub(crate) struct Journal {
    store: Mutex<Store>,
    followers: Followers,
    syncer: Arc<Syncer>,
}

/// The writing end; only the main loop has it.
#[derive(Debug)]
pub(crate) struct Writer {
    journal: Arc<Journal>,
    console: Console,
    complained: Option<Instant>,
}

impl Journal {
    pub(crate) fn new(store: Store, syncer: Arc<Syncer>) -> Arc<Self> {
        Arc::new(Self { store: Mutex::new(store), followers: Followers::default(), syncer })
    }

    /// What is kept and, if the query follows, what comes: without a gap. The follower may repeat records up to
    /// the history's last one.
    pub(crate) fn ask(&self, query: Query) -> (History, Option<Arc<Follower>>) {
        let follower = query.follow.then(|| self.followers.join(query.clone()));
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        (store.history(query), follower)
    }
}

impl Writer {
    pub(crate) fn new(journal: Arc<Journal>, console: Console) -> Self {
        Self { journal, console, complained: None }
    }

    /// Takes what came in one round.
    pub(crate) fn write(&mut self, drafts: Vec<Draft>) {
        if drafts.is_empty() {
            return;
        }
        let urgent = drafts.iter().any(|draft| draft.level <= URGENT_LEVEL);
        let written = self.journal.store.lock().unwrap_or_else(PoisonError::into_inner).append(drafts);
        self.journal.syncer.add(written.files, urgent);
        self.journal.followers.publish(&written.records);
        self.console.show(&written.records);
        if let Some(error) = written.error {
            self.complain(&error);
        }
    }

    /// Makes all durable; for the end.
    pub(crate) fn finish(&self) {
        self.journal.syncer.sync_now();
    }

    /// To standard error, which comes back to this program: therefore seldom.
    fn complain(&mut self, error: &std::io::Error) {
        if self.complained.is_none_or(|last| last.elapsed() >= COMPLAINT_PAUSE) {
            self.complained = Some(Instant::now());
            log::error!("records could not be written: {error}; they are still given to those who follow the log");
        }
    }
}
