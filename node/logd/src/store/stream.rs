//! The segments of one source: a folder of files, each named by the number of its first record.

use std::{
    collections::VecDeque,
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use ampoule_logwire::Source;

use super::frame;

const SUFFIX: &str = ".log";

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) path: PathBuf,
    /// Number of its first record, as its name says.
    pub(crate) first_seq: u64,
    /// Bytes that are whole records.
    pub(crate) bytes: u64,
}

/// The segments of one source, oldest first, and the end that is written to.
#[derive(Debug)]
pub(crate) struct Stream {
    folder: PathBuf,
    segments: VecDeque<Segment>,
    last_seq: u64,
    open: Option<Arc<File>>,
    pending: Vec<u8>,
    /// The last segment may end within a line: end that line before the next record.
    torn: bool,
}

impl Stream {
    /// What is on disk in `folder`, which need not be there.
    pub(crate) fn open(folder: PathBuf) -> Self {
        let mut segments: Vec<Segment> = fs::read_dir(&folder)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| segment_of(entry.path(), entry.metadata().ok()?.len()))
            .collect();
        segments.sort_by_key(|segment| segment.first_seq);
        let last_seq = segments.last().map_or(0, last_seq_in);
        Self { folder, segments: segments.into(), last_seq, open: None, pending: Vec::new(), torn: true }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum::<u64>() + self.pending.len() as u64
    }

    pub(crate) fn last_seq(&self) -> u64 {
        self.last_seq
    }

    pub(crate) fn segments(&self) -> Vec<Segment> {
        self.segments.iter().cloned().collect()
    }

    /// Takes a frame; it is in the file after [`Stream::flush`].
    pub(crate) fn append(&mut self, seq: u64, frame: &[u8], segment_bytes: u64) -> io::Result<()> {
        let full = self.segments.back().is_none_or(|last| last.bytes + self.pending.len() as u64 >= segment_bytes);
        if full {
            self.flush()?;
            self.start_segment(seq)?;
        }
        self.pending.extend_from_slice(frame);
        self.last_seq = seq;
        Ok(())
    }

    /// Hands what was appended to the kernel. Gives the file that now waits to be synced.
    pub(crate) fn flush(&mut self) -> io::Result<Option<Arc<File>>> {
        if self.pending.is_empty() {
            return Ok(None);
        }
        let bytes = std::mem::take(&mut self.pending);
        let file = self.file()?;
        let length = if self.torn { end_line(&file)? } else { 0 };
        self.torn = true;
        (&*file).write_all(&bytes)?;
        self.torn = false;
        if let Some(last) = self.segments.back_mut() {
            last.bytes += bytes.len() as u64 + length;
        }
        Ok(Some(file))
    }

    /// Removes the oldest segment. Gives the bytes that are free now; 0: there was none.
    pub(crate) fn drop_oldest(&mut self) -> u64 {
        let Some(oldest) = self.segments.pop_front() else {
            return 0;
        };
        if self.segments.is_empty() {
            self.open = None;
        }
        // Already gone is as good as removed; a file that cannot be removed is not tried again and again.
        let _ = fs::remove_file(&oldest.path);
        oldest.bytes
    }

    /// Removes everything.
    pub(crate) fn remove(mut self) {
        while self.drop_oldest() > 0 {}
        let _ = fs::remove_dir_all(&self.folder);
    }

    fn start_segment(&mut self, seq: u64) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let path = self.folder.join(format!("{seq:020}{SUFFIX}"));
        let file = OpenOptions::new().append(true).read(true).create(true).mode(0o600).open(&path)?;
        let bytes = file.metadata()?.len();
        self.open = Some(Arc::new(file));
        self.torn = bytes > 0;
        self.segments.push_back(Segment { path, first_seq: seq, bytes });
        Ok(())
    }

    fn file(&mut self) -> io::Result<Arc<File>> {
        if let Some(file) = &self.open {
            return Ok(file.clone());
        }
        let last = self.segments.back().ok_or(io::ErrorKind::NotFound)?;
        let file = Arc::new(OpenOptions::new().append(true).read(true).open(&last.path)?);
        self.open = Some(file.clone());
        Ok(file)
    }
}

/// A line feed after a torn record, so that the next one begins a line of its own. Gives the bytes added.
fn end_line(mut file: &File) -> io::Result<u64> {
    let length = file.seek(SeekFrom::End(0))?;
    if length == 0 {
        return Ok(0);
    }
    let mut last = [0];
    file.seek(SeekFrom::Start(length - 1))?;
    file.read_exact(&mut last)?;
    if last[0] == b'\n' {
        return Ok(0);
    }
    file.write_all(b"\n")?;
    Ok(1)
}

fn segment_of(path: PathBuf, bytes: u64) -> Option<Segment> {
    let name = path.file_name()?.to_str()?.strip_suffix(SUFFIX)?;
    let first_seq = name.parse().ok()?;
    Some(Segment { path, first_seq, bytes })
}

/// The highest number in a segment: only its end is read.
fn last_seq_in(segment: &Segment) -> u64 {
    let end = read_end(&segment.path).unwrap_or_default();
    let numbers = end.split(|byte| *byte == b'\n').filter_map(frame::unpack).map(|record| record.seq);
    numbers.max().unwrap_or(0).max(segment.first_seq)
}

fn read_end(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.saturating_sub(2 * frame::MAX_FRAME as u64)))?;
    let mut end = Vec::new();
    file.take(2 * frame::MAX_FRAME as u64).read_to_end(&mut end)?;
    Ok(end)
}

/// Name of a source's folder: `+` is in no source's name.
pub(crate) fn folder_name(source: &Source) -> String {
    source.as_str().replace('/', "+")
}

/// The source of a folder; `None` if it is not one of ours.
pub(crate) fn source_of(folder: &str) -> Option<Source> {
    folder.replace('+', "/").parse().ok()
}
