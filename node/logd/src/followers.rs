//! Readers that follow the log: each has a bounded queue, and whoever is too slow is told how many it missed.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use ampoule_logwire::{Query, Record};

/// Bytes of text one reader may have waiting: with all readers there can be, 16 MiB.
const MAX_QUEUE_BYTES: usize = 1024 * 1024;
/// What a record costs beside its text.
const RECORD_BYTES: usize = 128;

#[derive(Debug, Default)]
struct Queue {
    records: VecDeque<Record>,
    bytes: usize,
    /// Left out since the reader last took something, and the last of them.
    missed: u64,
    last_missed: Option<Record>,
}

/// One reader's end.
#[derive(Debug)]
pub(crate) struct Follower {
    query: Query,
    queue: Mutex<Queue>,
    filled: Condvar,
}

/// What a reader gets next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Record(Record),
    /// So many were left out here; the record is the last of them.
    Missed(u64, Record),
    /// Nothing came in time.
    Nothing,
}

/// All readers that follow.
#[derive(Debug, Default)]
pub(crate) struct Followers {
    all: Mutex<Vec<Weak<Follower>>>,
}

impl Followers {
    /// A new reader; it leaves by being dropped.
    pub(crate) fn join(&self, query: Query) -> Arc<Follower> {
        let follower = Arc::new(Follower { query, queue: Mutex::default(), filled: Condvar::new() });
        lock(&self.all).push(Arc::downgrade(&follower));
        follower
    }

    /// Gives `records` to each reader that wants them. Never waits for a reader.
    pub(crate) fn publish(&self, records: &[Record]) {
        lock(&self.all).retain(|follower| match follower.upgrade() {
            Some(follower) => {
                follower.offer(records);
                true
            }
            None => false,
        });
    }
}

impl Follower {
    fn offer(&self, records: &[Record]) {
        let mut queue = lock(&self.queue);
        for record in records.iter().filter(|record| self.query.matches(record)) {
            let bytes = record.text.len() + RECORD_BYTES;
            // Once something was left out, so is all that follows until the reader comes: the gap is then one, and known.
            if queue.missed > 0 || queue.bytes + bytes > MAX_QUEUE_BYTES {
                queue.missed += 1;
                queue.last_missed = Some(record.clone());
            } else {
                queue.bytes += bytes;
                queue.records.push_back(record.clone());
            }
        }
        self.filled.notify_one();
    }

    /// Waits at most `patience` for the next record.
    pub(crate) fn next(&self, patience: Duration) -> Next {
        let queue = lock(&self.queue);
        let empty = |queue: &mut Queue| queue.records.is_empty() && queue.missed == 0;
        let (mut queue, _) = self.filled.wait_timeout_while(queue, patience, empty).unwrap_or_else(PoisonError::into_inner);
        if let Some(record) = queue.records.pop_front() {
            queue.bytes -= record.text.len() + RECORD_BYTES;
            return Next::Record(record);
        }
        match queue.last_missed.take() {
            Some(last) => Next::Missed(std::mem::take(&mut queue.missed), last),
            None => Next::Nothing,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(seq: u64, level: u8, text: &str) -> Record {
        let source = "apid".parse().expect("source");
        Record { seq, time_ms: 0, monotonic_ms: 0, source, level, text: text.to_owned(), cut: false }
    }

    #[test]
    fn a_reader_gets_what_it_asked_for() {
        let followers = Followers::default();
        let follower = followers.join(Query { max_level: Some(4), ..Query::default() });
        followers.publish(&[record(1, 6, "no"), record(2, 3, "yes")]);
        assert_eq!(follower.next(Duration::ZERO), Next::Record(record(2, 3, "yes")));
        assert_eq!(follower.next(Duration::ZERO), Next::Nothing);
        drop(follower);
        followers.publish(&[record(3, 3, "gone")]);
        assert!(followers.all.lock().expect("lock").is_empty());
    }

    #[test]
    fn a_slow_reader_is_told_once_what_it_missed() {
        let followers = Followers::default();
        let follower = followers.join(Query::default());
        let text = "x".repeat(16 * 1024);
        (1..=100).for_each(|seq| followers.publish(&[record(seq, 6, &text)]));
        let mut got = 0;
        let missed = loop {
            match follower.next(Duration::ZERO) {
                Next::Record(record) => got = record.seq,
                Next::Missed(count, last) => break (count, last.seq),
                Next::Nothing => panic!("a gap without a note"),
            }
        };
        assert_eq!(missed, (100 - got, 100));
        assert!(got > 30);
        followers.publish(&[record(101, 6, "again")]);
        assert_eq!(follower.next(Duration::ZERO), Next::Record(record(101, 6, "again")));
    }
}
