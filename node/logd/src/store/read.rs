//! Reading what is kept, in the order it came in.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    iter::Peekable,
    vec::IntoIter,
};

use ampoule_logwire::{Query, Record};

use super::{frame, stream::Segment};

/// Most bytes of text held for a query with `tail`; then it gives fewer records. A larger one would let a reader
/// decide how much memory the log service takes.
const MAX_TAIL_BYTES: usize = 4 * 1024 * 1024;
/// Most records for a query with `tail`.
const MAX_TAIL: usize = 10_000;

/// What was kept when it was asked for. Segments removed since are left out.
#[derive(Debug)]
pub(crate) struct History {
    query: Query,
    /// Per source, oldest first.
    streams: Vec<Vec<Segment>>,
    /// Number of the newest record then.
    pub(crate) last_seq: u64,
}

impl History {
    pub(super) fn new(query: Query, streams: Vec<Vec<Segment>>, last_seq: u64) -> Self {
        Self { query, streams, last_seq }
    }

    /// Gives each fitting record to `take` until there are no more or it fails.
    pub(crate) fn each(self, mut take: impl FnMut(&Record) -> io::Result<()>) -> io::Result<()> {
        match self.query.tail {
            Some(count) => self.tail(count as usize).records.values().try_for_each(take),
            None => {
                let Self { query, streams, last_seq } = self;
                let readers = streams.into_iter().map(Reader::new).collect();
                Merge::new(readers)
                    .take_while(|record| record.seq <= last_seq)
                    .filter(|record| query.matches(record))
                    .try_for_each(|record| take(&record))
            }
        }
    }

    fn tail(&self, count: usize) -> Tail {
        let mut tail = Tail::new(count.min(MAX_TAIL));
        for segments in &self.streams {
            let mut newest_inside = self.last_seq;
            for segment in segments.iter().rev() {
                if tail.wants_nothing_before(newest_inside) {
                    break;
                }
                let records = Reader::new(vec![segment.clone()]);
                records.filter(|record| self.query.matches(record)).for_each(|record| tail.offer(record));
                newest_inside = segment.first_seq.saturating_sub(1);
            }
        }
        tail
    }
}

/// The last so many of the records offered, in any order.
struct Tail {
    count: usize,
    bytes: usize,
    records: BTreeMap<u64, Record>,
    /// Records at or before this number were left out for want of room.
    floor: u64,
}

impl Tail {
    fn new(count: usize) -> Self {
        Self { count, bytes: 0, records: BTreeMap::new(), floor: 0 }
    }

    fn wants_nothing_before(&self, seq: u64) -> bool {
        self.count == 0 || seq <= self.floor
    }

    fn offer(&mut self, record: Record) {
        if record.seq <= self.floor {
            return;
        }
        self.bytes += record.text.len();
        self.records.insert(record.seq, record);
        while self.records.len() > self.count || self.bytes > MAX_TAIL_BYTES {
            let Some((seq, dropped)) = self.records.pop_first() else {
                return;
            };
            self.bytes -= dropped.text.len();
            self.floor = seq;
        }
    }
}

/// The records of one source, damaged ones left out.
struct Reader {
    segments: IntoIter<Segment>,
    open: Option<BufReader<io::Take<File>>>,
}

impl Reader {
    fn new(segments: Vec<Segment>) -> Self {
        Self { segments: segments.into_iter(), open: None }
    }

    fn line(&mut self) -> Option<Vec<u8>> {
        let mut line = Vec::new();
        // A limit, so that a damaged file without line feeds is read piece by piece.
        let length = self.open.as_mut()?.take(frame::MAX_FRAME as u64).read_until(b'\n', &mut line).unwrap_or(0);
        (length > 0).then_some(line)
    }
}

impl Iterator for Reader {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        loop {
            while let Some(line) = self.line() {
                let record = frame::unpack(line.strip_suffix(b"\n").unwrap_or(&line));
                if record.is_some() {
                    return record;
                }
            }
            let segment = self.segments.next()?;
            self.open = File::open(&segment.path).ok().map(|file| BufReader::new(file.take(segment.bytes)));
        }
    }
}

/// Several sources in the order of the numbers.
struct Merge {
    readers: Vec<Peekable<Reader>>,
}

impl Merge {
    fn new(readers: Vec<Reader>) -> Self {
        Self { readers: readers.into_iter().map(Iterator::peekable).collect() }
    }
}

impl Iterator for Merge {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        let heads = self.readers.iter_mut().enumerate();
        let heads = heads.filter_map(|(index, reader)| Some((reader.peek()?.seq, index)));
        let (_, index) = heads.min()?;
        self.readers[index].next()
    }
}
