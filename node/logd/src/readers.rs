//! Answers queries, one thread for each reader.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::net::UnixStream,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use ampoule_logwire::{Query, Record, decode, encode};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::{
    clock::Moment,
    draft::Draft,
    followers::{Follower, Next},
    journal::Journal,
};

/// Readers at a time. Each costs a thread and, following, up to 1 MiB of waiting records.
const MAX_READERS: usize = 16;
/// Longest query in bytes.
const MAX_QUERY: u64 = 16 * 1024;
/// For the query to arrive.
const QUERY_PATIENCE: Duration = Duration::from_secs(5);
/// For a reader to take what was sent. A person's pager may stand still; a thread kept for hours is a thread lost.
const SEND_PATIENCE: Duration = Duration::from_secs(120);
/// Between two looks whether a silent reader is still there.
const LOOK: Duration = Duration::from_secs(1);
/// A reader's thread sorts records, no more.
const STACK: usize = 128 * 1024;

/// Counts the readers there are.
#[derive(Debug)]
pub(crate) struct Readers {
    journal: Arc<Journal>,
    count: Arc<AtomicUsize>,
}

/// Takes one off the count when a reader's thread ends, however it ends.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Readers {
    pub(crate) fn new(journal: Arc<Journal>) -> Self {
        Self { journal, count: Arc::default() }
    }

    /// Serves one more reader, or tells it that there are too many.
    pub(crate) fn serve(&self, mut stream: UnixStream) {
        let place = Place(self.count.clone());
        if self.count.fetch_add(1, Ordering::Relaxed) >= MAX_READERS {
            let _ = stream.write_all(&encode(&note(0, format!("{MAX_READERS} readers are connected already, try again later"))));
            return;
        }
        let journal = self.journal.clone();
        let run = move || {
            let _place = place;
            // A reader that goes away in the middle is no news.
            let _ = answer(&journal, stream);
        };
        if let Err(error) = thread::Builder::new().name("reader".into()).stack_size(STACK).spawn(run) {
            log::warn!("a reader of the log could not be served: {error}");
        }
    }
}

fn answer(journal: &Journal, mut stream: UnixStream) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(QUERY_PATIENCE))?;
    stream.set_write_timeout(Some(SEND_PATIENCE))?;
    let query = match read_query(&stream)? {
        Ok(query) => query,
        Err(reason) => {
            return stream.write_all(&encode(&note(0, format!("query refused: {reason}"))));
        }
    };
    let (history, follower) = journal.ask(query);
    let last_seq = history.last_seq;
    let mut out = io::BufWriter::with_capacity(32 * 1024, &stream);
    history.each(|record| out.write_all(&encode(record)))?;
    out.flush()?;
    drop(out);
    follower.map_or(Ok(()), |follower| follow(&follower, &stream, last_seq))
}

fn read_query(stream: &UnixStream) -> io::Result<Result<Query, String>> {
    let mut line = Vec::new();
    BufReader::new(stream.take(MAX_QUERY)).read_until(b'\n', &mut line)?;
    Ok(decode(&line).map_err(|error| error.to_string()))
}

fn follow(follower: &Follower, mut stream: &UnixStream, after: u64) -> io::Result<()> {
    loop {
        match follower.next(LOOK) {
            Next::Record(record) if record.seq <= after => {}
            Next::Record(record) => stream.write_all(&encode(&record))?,
            Next::Missed(count, last) => {
                stream.write_all(&encode(&note(last.seq, format!("{count} records left out: this reader is too slow"))))?;
            }
            Next::Nothing if has_left(stream)? => return Ok(()),
            Next::Nothing => {}
        }
    }
}

fn has_left(stream: &UnixStream) -> io::Result<bool> {
    let mut fds = [PollFd::new(stream, PollFlags::empty())];
    poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?;
    Ok(fds[0].revents().intersects(PollFlags::HUP | PollFlags::ERR))
}

/// What this program itself says to one reader.
fn note(seq: u64, text: String) -> Record {
    let source = crate::own_source();
    Draft { source, level: 4, text, cut: false, moment: Moment::now() }.numbered(seq)
}
