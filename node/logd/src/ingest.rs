//! Lines that other programs hand over on a socket (hostd, for its workloads).

use std::{
    io::{self, Read},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
};

use ampoule_logwire::{Ingest, MAX_WIRE_LINE, decode};

use crate::{clock::Moment, draft::Draft};

/// Connections at a time: hostd needs one. More is a program that forgets to close.
const MAX_CONNECTIONS: usize = 16;
/// Read from one connection in one round.
const PIECE: usize = 64 * 1024;

#[derive(Debug)]
struct Connection {
    stream: UnixStream,
    pending: Vec<u8>,
    complained: bool,
}

/// All connections.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    all: Vec<Connection>,
}

impl Connections {
    /// A new connection; one too many is closed at once, and its program tries again later.
    pub(crate) fn add(&mut self, stream: UnixStream) {
        if self.all.len() < MAX_CONNECTIONS && stream.set_nonblocking(true).is_ok() {
            self.all.push(Connection { stream, pending: Vec::new(), complained: false });
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.all.iter().map(|connection| connection.stream.as_fd())
    }

    /// Reads once from each connection of which `ready` says so (by position); forgets those that ended.
    pub(crate) fn read(&mut self, mut ready: impl Iterator<Item = bool>) -> Vec<Draft> {
        let mut drafts = Vec::new();
        self.all.retain_mut(|connection| !ready.next().unwrap_or(false) || connection.read(&mut drafts).is_ok());
        drafts
    }
}

impl Connection {
    fn read(&mut self, drafts: &mut Vec<Draft>) -> io::Result<()> {
        let mut buffer = vec![0; PIECE];
        match self.stream.read(&mut buffer) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(length) => {
                self.feed(&buffer[..length], drafts);
                if self.pending.len() > MAX_WIRE_LINE { Err(io::ErrorKind::InvalidData.into()) } else { Ok(()) }
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn feed(&mut self, bytes: &[u8], drafts: &mut Vec<Draft>) {
        let now = Moment::now();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.pending.extend_from_slice(part);
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.pending);
                drafts.extend(self.understand(&line, now));
            }
        }
    }

    /// The first line of a connection that is not understood is told, the others are only left out.
    fn understand(&mut self, line: &[u8], now: Moment) -> Option<Draft> {
        match decode::<Ingest>(line) {
            Ok(ingest) => Some(Draft::of_ingest(ingest, now)),
            Err(_) if self.complained => None,
            Err(error) => {
                self.complained = true;
                let text = format!("a program handed over a line that is no log line: {error}");
                Some(Draft { source: crate::own_source(), level: 4, text, cut: false, moment: now })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn lines_in_pieces_and_wrong_ones() {
        let (mut ours, theirs) = UnixStream::pair().expect("pair");
        let mut connections = Connections::default();
        connections.add(theirs);
        ours.write_all(b"{\"source\":\"workload/web\",\"level\":9,\"text\":\"a\"}\nbad\nbad\n{\"source\":").expect("write");
        let drafts = connections.read([true].into_iter());
        assert_eq!(drafts.len(), 2);
        assert_eq!((drafts[0].source.as_str(), drafts[0].level, drafts[0].text.as_str()), ("workload/web", 7, "a"));
        assert!(drafts[1].source.as_str() == "logd");
        ours.write_all(b"\"x\",\"level\":1,\"text\":\"b\"}\n").expect("write");
        assert_eq!(connections.read([true].into_iter())[0].text, "b");
        ours.write_all(&vec![b'x'; MAX_WIRE_LINE + 1]).expect("write");
        while connections.iter().count() > 0 {
            connections.read([true].into_iter());
        }
        assert!(ours.write_all(b"more").is_err(), "an endless line ends the connection");
    }
}
