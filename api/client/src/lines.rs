//! Answers that go on: one line at a time, for following logs.

use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::{runtime::Runtime, time::timeout};

use crate::{ClientError, exchange::broken};

/// Longest line a node may send, in bytes; a peer that never ends a line would otherwise fill our memory.
pub const LINE_LIMIT: usize = 1024 * 1024;

/// Lines of an answer, without their line ends. Ends when the node closes the answer.
pub struct Lines {
    runtime: Runtime,
    body: Incoming,
    buffer: Vec<u8>,
    ended: bool,
}

impl Lines {
    pub(crate) fn new(runtime: Runtime, body: Incoming) -> Self {
        Self { runtime, body, buffer: Vec::new(), ended: false }
    }

    /// The next line if it comes within `limit`; `Ok(None)` at the end of the answer, [`ClientError::Timeout`] if
    /// nothing came (the stream stays usable).
    pub fn next_within(&mut self, limit: Duration) -> Result<Option<String>, ClientError> {
        let Self { runtime, body, buffer, ended } = self;
        let wait = next_line(body, buffer, ended);
        runtime.block_on(async { timeout(limit, wait).await }).map_err(|_| ClientError::Timeout(limit))?
    }
}

impl Iterator for Lines {
    type Item = Result<String, ClientError>;

    fn next(&mut self) -> Option<Self::Item> {
        let Self { runtime, body, buffer, ended } = self;
        runtime.block_on(next_line(body, buffer, ended)).transpose()
    }
}

/// Loses nothing when dropped half-way: what has arrived is in `buffer`.
async fn next_line(body: &mut Incoming, buffer: &mut Vec<u8>, ended: &mut bool) -> Result<Option<String>, ClientError> {
    loop {
        if let Some(line) = take_line(buffer) {
            return Ok(Some(line));
        }
        if *ended {
            return Ok(take_rest(buffer));
        }
        if buffer.len() > LINE_LIMIT {
            *ended = true;
            buffer.clear();
            return Err(ClientError::TooLarge(LINE_LIMIT));
        }
        match body.frame().await {
            Some(Ok(frame)) => buffer.extend_from_slice(frame.data_ref().map_or(&[], |data| data)),
            Some(Err(error)) => {
                *ended = true;
                return Err(broken(error));
            }
            None => *ended = true,
        }
    }
}

fn take_line(buffer: &mut Vec<u8>) -> Option<String> {
    let end = buffer.iter().position(|byte| *byte == b'\n')?;
    let line: Vec<u8> = buffer.drain(..=end).collect();
    Some(text(&line[..end]))
}

fn take_rest(buffer: &mut Vec<u8>) -> Option<String> {
    let rest = std::mem::take(buffer);
    (!rest.is_empty()).then(|| text(&rest))
}

fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned()
}
