//! The output of workloads: from two FIFOs, line by line, to the log service.

use std::{collections::VecDeque, path::{Path, PathBuf}, time::Duration};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde::Serialize;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixStream, unix::pipe},
    sync::{mpsc, oneshot},
};

use crate::error::HostError;

/// Longer lines are cut into pieces of this many bytes.
const MAX_LINE: usize = 8 * 1024;
/// Lines held while the log service is away. Then lines are dropped, and their number is said:
/// a workload must not stand still because a log does.
const QUEUE: usize = 1024;
/// Between tries to reach the log service.
const RECONNECT_PAUSE: Duration = Duration::from_millis(500);
/// Syslog levels of the two streams: "informational" and "notice".
const STDOUT_LEVEL: u8 = 6;
const STDERR_LEVEL: u8 = 5;

/// One line on its way to the log service.
#[derive(Debug, Serialize)]
struct Line {
    source: String,
    level: u8,
    text: String,
}

/// Takes lines for the log service.
#[derive(Clone)]
pub(crate) struct Sink {
    queue: mpsc::Sender<Line>,
}

impl Sink {
    /// A sink that sends to the log service's socket.
    pub(crate) fn start(socket: PathBuf) -> Self {
        let (queue, lines) = mpsc::channel(QUEUE);
        tokio::spawn(send_all(socket, lines));
        Self { queue }
    }
}

async fn send_all(socket: PathBuf, mut lines: mpsc::Receiver<Line>) {
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
async fn send_until_broken(
    mut stream: UnixStream,
    lines: &mut mpsc::Receiver<Line>,
    held: &mut VecDeque<Vec<u8>>,
) -> Option<()> {
    loop {
        if held.is_empty() {
            let mut text = serde_json::to_vec(&lines.recv().await?).unwrap_or_default();
            text.push(b'\n');
            held.push_back(text);
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
        let readers = vec![
            read_fifo(&stdout, workload, STDOUT_LEVEL, sink)?,
            read_fifo(&stderr, workload, STDERR_LEVEL, sink)?,
        ];
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

fn read_fifo(path: &Path, workload: &str, level: u8, sink: &Sink) -> Result<Reader, HostError> {
    if !path.exists() {
        let made = mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0);
        made.map_err(HostError::file("make the FIFO", path))?;
    }
    // Open for both: it never ends, whoever opens and closes the other side.
    let fifo = pipe::OpenOptions::new().read_write(true).open_receiver(path);
    let fifo = fifo.map_err(HostError::file("open the FIFO", path))?;
    let (stop, stopped) = oneshot::channel();
    let lines = Lines { source: format!("workload/{workload}"), level, sink: sink.clone(), held: Vec::new(), dropped: 0 };
    Ok((stop, tokio::spawn(copy_lines(fifo, lines, stopped))))
}

async fn copy_lines(mut fifo: pipe::Receiver, mut lines: Lines, mut stopped: oneshot::Receiver<()>) {
    let mut buffer = vec![0; MAX_LINE];
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
    source: String,
    level: u8,
    sink: Sink,
    held: Vec<u8>,
    dropped: u64,
}

impl Lines {
    fn take(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let mut rest = part;
            while !rest.is_empty() {
                let (now, later) = rest.split_at(rest.len().min(MAX_LINE - self.held.len()));
                self.held.extend_from_slice(now);
                rest = later;
                if self.held.len() == MAX_LINE || self.held.ends_with(b"\n") {
                    self.end();
                }
            }
        }
    }

    /// Sends what is held as one line.
    fn end(&mut self) {
        let text = String::from_utf8_lossy(&self.held).trim_end_matches(['\n', '\r']).to_owned();
        self.held.clear();
        if text.is_empty() {
            return;
        }
        if self.dropped > 0 && self.send(4, format!("{} lines were dropped while the log was away", self.dropped)) {
            self.dropped = 0;
        }
        if !self.send(self.level, text) {
            self.dropped += 1;
        }
    }

    fn send(&self, level: u8, text: String) -> bool {
        self.sink.queue.try_send(Line { source: self.source.clone(), level, text }).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(pieces: &[&[u8]]) -> Vec<String> {
        let (queue, mut out) = mpsc::channel(64);
        let mut lines =
            Lines { source: "workload/x".into(), level: 6, sink: Sink { queue }, held: Vec::new(), dropped: 0 };
        pieces.iter().for_each(|piece| lines.take(piece));
        lines.end();
        std::iter::from_fn(|| out.try_recv().ok()).map(|line| line.text).collect()
    }

    #[test]
    fn lines_are_put_together_from_pieces() {
        assert_eq!(cut(&[b"one\ntw", b"o\r\n\nthree"]), ["one", "two", "three"]);
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let long = vec![b'x'; MAX_LINE + 10];
        let lines = cut(&[&long[..MAX_LINE - 1], &long[MAX_LINE - 1..]]);
        assert_eq!(lines.iter().map(String::len).collect::<Vec<_>>(), [MAX_LINE, 10]);
    }

    #[test]
    fn dropped_lines_are_counted() {
        let (queue, mut out) = mpsc::channel(1);
        let mut lines = Lines { source: "w".into(), level: 6, sink: Sink { queue }, held: Vec::new(), dropped: 0 };
        lines.take(b"a\nb\nc\n");
        assert_eq!(lines.dropped, 2);
        assert_eq!(out.try_recv().expect("first").text, "a");
        lines.take(b"d\n");
        assert!(out.try_recv().expect("notice").text.starts_with("2 lines"));
    }
}
