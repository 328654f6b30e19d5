//! The output of workloads: from two FIFOs, line by line, to the log service.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    time::Duration,
};

use ampoule_logwire::{DEFAULT_LEVEL, Ingest, Line, LineSplitter, Source, encode};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixStream, unix::pipe},
    sync::{mpsc, oneshot},
};

use crate::error::HostError;

/// Lines held while the log service is away. Then lines are dropped, and their number is said:
/// a workload must not stand still because a log does.
const QUEUE: usize = 1024;
/// Between tries to reach the log service.
const RECONNECT_PAUSE: Duration = Duration::from_millis(500);
/// Syslog level of a line on standard error that names none: "notice".
const STDERR_LEVEL: u8 = 5;
/// Syslog level of our own remark that lines are missing: "warning".
const DROPPED_LEVEL: u8 = 4;
/// Bytes read at once.
const CHUNK: usize = 16 * 1024;

/// Takes lines for the log service.
#[derive(Clone)]
pub(crate) struct Sink {
    queue: mpsc::Sender<Ingest>,
}

impl Sink {
    /// A sink that sends to the log service's socket.
    pub(crate) fn start(socket: PathBuf) -> Self {
        let (queue, lines) = mpsc::channel(QUEUE);
        tokio::spawn(send_all(socket, lines));
        Self { queue }
    }
}

async fn send_all(socket: PathBuf, mut lines: mpsc::Receiver<Ingest>) {
    let mut held = VecDeque::new();
    loop {
        match UnixStream::connect(&socket).await {
            Ok(stream) => {
                if send_until_broken(stream, &mut lines, &mut held).await.is_none() {
                    return;
                }
            }
            Err(error) => log::debug!("the log service does not answer: {error}"),
        }
        tokio::time::sleep(RECONNECT_PAUSE).await;
    }
}

/// Gives `None` when there will be no more lines. A line that could not be sent is kept.
async fn send_until_broken(mut stream: UnixStream, lines: &mut mpsc::Receiver<Ingest>, held: &mut VecDeque<Vec<u8>>) -> Option<()> {
    loop {
        if held.is_empty() {
            held.push_back(encode(&lines.recv().await?));
        }
        if stream.write_all(&held[0]).await.is_err() {
            return Some(());
        }
        held.pop_front();
    }
}

/// Reads the output of one container until told to finish.
pub(crate) struct Output {
    /// Where the container's standard output goes.
    pub(crate) stdout: PathBuf,
    /// Where its standard error goes.
    pub(crate) stderr: PathBuf,
    readers: Vec<(oneshot::Sender<()>, tokio::task::JoinHandle<()>)>,
}

impl Output {
    /// Makes the FIFOs in `folder` if they are not there, and begins to read them.
    pub(crate) fn open(folder: &Path, workload: &str, sink: &Sink) -> Result<Self, HostError> {
        let (stdout, stderr) = (folder.join("stdout"), folder.join("stderr"));
        let readers = vec![read_fifo(&stdout, workload, DEFAULT_LEVEL, sink)?, read_fifo(&stderr, workload, STDERR_LEVEL, sink)?];
        Ok(Self { stdout, stderr, readers })
    }

    /// Reads what is still in the FIFOs, then stops. Call it when nothing writes to them any more.
    pub(crate) async fn finish(self) {
        for (stop, reader) in self.readers {
            let _ = stop.send(());
            let _ = reader.await;
        }
    }
}

type Reader = (oneshot::Sender<()>, tokio::task::JoinHandle<()>);

/// Makes a FIFO if it is not there, and opens it to read what others write.
pub(crate) fn open_fifo(path: &Path) -> Result<pipe::Receiver, HostError> {
    if !path.exists() {
        let made = mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0);
        made.map_err(HostError::file("make the FIFO", path))?;
    }
    // Open for both: it never ends, whoever opens and closes the other side.
    pipe::OpenOptions::new().read_write(true).open_receiver(path).map_err(HostError::file("open the FIFO", path))
}

fn read_fifo(path: &Path, workload: &str, level: u8, sink: &Sink) -> Result<Reader, HostError> {
    let fifo = open_fifo(path)?;
    let (stop, stopped) = oneshot::channel();
    let source = format!("workload/{workload}").parse().map_err(HostError::source(workload))?;
    let lines = Lines::new(source, level, sink.clone());
    Ok((stop, tokio::spawn(copy_lines(fifo, lines, stopped))))
}

async fn copy_lines(mut fifo: pipe::Receiver, mut lines: Lines, mut stopped: oneshot::Receiver<()>) {
    let mut buffer = vec![0; CHUNK];
    loop {
        let read = tokio::select! {
            biased;
            read = fifo.read(&mut buffer) => read,
            _ = &mut stopped => break,
        };
        match read {
            Ok(length) => lines.take(&buffer[..length]),
            Err(error) => return log::warn!("{}: output is lost: {error}", lines.source),
        }
    }
    while let Ok(length @ 1..) = fifo.try_read(&mut buffer) {
        lines.take(&buffer[..length]);
    }
    lines.end();
}

/// Cuts bytes into lines and passes them on.
struct Lines {
    source: Source,
    default_level: u8,
    sink: Sink,
    splitter: LineSplitter,
    dropped: u64,
}

impl Lines {
    fn new(source: Source, default_level: u8, sink: Sink) -> Self {
        Self { source, default_level, sink, splitter: LineSplitter::default(), dropped: 0 }
    }

    fn take(&mut self, bytes: &[u8]) {
        let lines = self.splitter.feed(bytes);
        lines.into_iter().for_each(|line| self.pass_on(line));
    }

    fn end(&mut self) {
        if let Some(line) = self.splitter.finish() {
            self.pass_on(line);
        }
    }

    fn pass_on(&mut self, line: Line) {
        let notice = || format!("{} lines were dropped while the log was away", self.dropped);
        if self.dropped > 0 && self.send(DROPPED_LEVEL, notice()) {
            self.dropped = 0;
        }
        let level = if line.level == DEFAULT_LEVEL { self.default_level } else { line.level };
        if !self.send(level, line.text) {
            self.dropped += 1;
        }
    }

    fn send(&self, level: u8, text: String) -> bool {
        self.sink.queue.try_send(Ingest { source: self.source.clone(), level, text }).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(room: usize) -> (Lines, mpsc::Receiver<Ingest>) {
        let (queue, out) = mpsc::channel(room);
        (Lines::new("workload/x".parse().expect("source"), STDERR_LEVEL, Sink { queue }), out)
    }

    #[test]
    fn lines_are_put_together_from_pieces() {
        let (mut lines, mut out) = lines(8);
        lines.take(b"one\n<3>tw");
        lines.take(b"o\nthree");
        lines.end();
        let got: Vec<_> = std::iter::from_fn(|| out.try_recv().ok()).map(|line| (line.level, line.text)).collect();
        assert_eq!(got, [(5, "one".to_owned()), (3, "two".to_owned()), (5, "three".to_owned())]);
    }

    #[test]
    fn dropped_lines_are_counted() {
        let (mut lines, mut out) = lines(1);
        lines.take(b"a\nb\nc\n");
        assert_eq!(lines.dropped, 2);
        assert_eq!(out.try_recv().expect("first").text, "a");
        lines.take(b"d\n");
        assert!(out.try_recv().expect("notice").text.starts_with("2 lines"));
    }
}
