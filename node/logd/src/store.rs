//! The log on disk: one stream of segment files per source, bounded together.
//!
//! When all is used up, the source that uses the most loses its oldest segment. So one that floods loses its own
//! history, not the others'.

mod frame;
mod read;
mod stream;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::PathBuf,
    sync::Arc,
};

use ampoule_logwire::{Query, Record, Source};

pub(crate) use read::History;
use stream::{Stream, folder_name, source_of};

use crate::draft::Draft;

/// Where the log lies and how large it may be.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) folder: PathBuf,
    /// Bytes in all.
    pub(crate) total: u64,
    /// Bytes after which a new segment begins: what one step of forgetting costs.
    pub(crate) segment: u64,
}

/// Most sources at a time; then the one that has been silent longest is forgotten. More costs memory per source.
const MAX_SOURCES: usize = 256;

/// The whole log.
#[derive(Debug)]
pub(crate) struct Store {
    place: Place,
    streams: BTreeMap<Source, Stream>,
    next_seq: u64,
    bytes: u64,
}

/// What came of writing some records.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// As they are in the log.
    pub(crate) records: Vec<Record>,
    /// Files to sync.
    pub(crate) files: Vec<Arc<File>>,
    /// Why some are not on disk. They are given to those who follow all the same.
    pub(crate) error: Option<io::Error>,
}

impl Store {
    /// What is on disk at `place`.
    pub(crate) fn open(place: Place) -> Self {
        let found = fs::read_dir(&place.folder).into_iter().flatten().flatten();
        let streams: BTreeMap<Source, Stream> =
            found.filter_map(|entry| Some((source_of(entry.file_name().to_str()?)?, Stream::open(entry.path())))).collect();
        let next_seq = streams.values().map(Stream::last_seq).max().unwrap_or(0) + 1;
        let bytes = streams.values().map(Stream::bytes).sum();
        Self { place, streams, next_seq, bytes }
    }

    /// Numbers and writes `drafts`.
    pub(crate) fn append(&mut self, drafts: Vec<Draft>) -> Written {
        let mut written = Written::default();
        for draft in drafts {
            let record = draft.numbered(self.next_seq);
            self.next_seq += 1;
            if let Err(error) = self.append_one(&record) {
                written.error = Some(error);
            }
            written.records.push(record);
        }
        self.flush(&mut written);
        written
    }

    /// Everything up to now that `query` wants; the number of the newest record is in it.
    pub(crate) fn history(&self, query: Query) -> History {
        let wanted = self.streams.iter().filter(|(source, _)| query.wants_source(source));
        History::new(query.clone(), wanted.map(|(_, stream)| stream.segments()).collect(), self.next_seq - 1)
    }

    fn append_one(&mut self, record: &Record) -> io::Result<()> {
        if !self.streams.contains_key(&record.source) {
            self.make_room_for_a_source();
        }
        let frame = frame::pack(record);
        while self.bytes + frame.len() as u64 > self.place.total && self.forget_some() {}
        let folder = self.place.folder.join(folder_name(&record.source));
        let stream = self.streams.entry(record.source.clone()).or_insert_with(|| Stream::open(folder));
        stream.append(record.seq, &frame, self.place.segment)?;
        self.bytes += frame.len() as u64;
        Ok(())
    }

    fn flush(&mut self, written: &mut Written) {
        for stream in self.streams.values_mut() {
            match stream.flush() {
                Ok(file) => written.files.extend(file),
                Err(error) => written.error = Some(error),
            }
        }
        self.bytes = self.streams.values().map(Stream::bytes).sum();
        if written.error.as_ref().is_some_and(|error| error.kind() == io::ErrorKind::StorageFull) {
            self.forget_some();
        }
    }

    /// Removes the oldest segment of the largest stream. `false`: nothing is left to remove.
    fn forget_some(&mut self) -> bool {
        let Some(largest) = self.streams.values_mut().max_by_key(|stream| stream.bytes()) else {
            return false;
        };
        let freed = largest.drop_oldest();
        self.bytes = self.bytes.saturating_sub(freed);
        freed > 0
    }

    fn make_room_for_a_source(&mut self) {
        if self.streams.len() < MAX_SOURCES {
            return;
        }
        let silent = self.streams.iter().min_by_key(|(_, stream)| stream.last_seq()).map(|(source, _)| source.clone());
        if let Some(stream) = silent.and_then(|source| self.streams.remove(&source)) {
            self.bytes = self.bytes.saturating_sub(stream.bytes());
            stream.remove();
        }
    }
}

#[cfg(test)]
#[path = "store/tests.rs"]
mod tests;
