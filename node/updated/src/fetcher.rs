//! Client of the program that speaks with the network.

use crate::patience::Patience;
use ampoule_fetchwire::{Fetch, Kind, MAX_LINE, Outcome, Probe, Range, Request};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

/// Beyond the time that a request may take: the fetcher says what went wrong before this is over.
const SLACK: Duration = Duration::from_secs(10);

/// Where to ask, and the way to the outside.
#[derive(Clone, Debug)]
pub(crate) struct Fetcher {
    pub(crate) socket: PathBuf,
    pub(crate) proxy: Option<String>,
    pub(crate) no_proxy: String,
    pub(crate) patience: Patience,
}

/// Why there are no bytes.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("the program that fetches updates cannot be reached; `ampctl services` shows how it is (update-fetcher)")]
    Fetcher(#[source] io::Error),
    #[error("{url}: {message}")]
    Failed { url: String, kind: Kind, message: String, retry_after: Option<u64> },
    #[error("{url}: the connection ended after {got} of {wanted} bytes")]
    Short { url: String, got: u64, wanted: u64 },
    #[error("{url}: the connection ended after {got} bytes, in the midst of the file")]
    Unfinished { url: String, got: usize },
    #[error("{url}: the server sends more than the {limit} bytes that are taken")]
    TooLong { url: String, limit: u64 },
    #[error(
        "{url}: {message} ({times}): this mirror has too much to do{}", retry_after.map(|wish| format!(" and wants to be asked again in {wish} s")).unwrap_or_default(),
        times = times(*tries)
    )]
    Overloaded { url: String, message: String, tries: u32, retry_after: Option<u64> },
    #[error("it was stopped")]
    Stopped,
}

fn times(tries: u32) -> String {
    if tries == 1 { "asked once".to_owned() } else { format!("asked {tries} times") }
}

impl FetchError {
    /// Whether the same may go well in a moment.
    pub(crate) fn passes(&self) -> bool {
        match self {
            Self::Fetcher(_) | Self::Short { .. } | Self::Unfinished { .. } => true,
            Self::TooLong { .. } | Self::Overloaded { .. } | Self::Stopped => false,
            Self::Failed { kind, .. } => matches!(kind, Kind::TooSlow | Kind::Unreachable | Kind::Busy | Kind::Faulty),
        }
    }

    /// Whether it is about the part that was asked for, or may be: then the whole may come. A server that has too much to do is not asked for more.
    pub(crate) fn leaves_whole(&self) -> bool {
        matches!(self, Self::Failed { kind: Kind::NoRanges | Kind::OtherRange | Kind::Faulty | Kind::Answer, .. })
    }

    /// How long the server wants to be left alone, if it said so.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Failed { retry_after, .. } | Self::Overloaded { retry_after, .. } => retry_after.map(Duration::from_secs),
            _ => None,
        }
    }

    /// The same, after so many tries, of which this was the last.
    pub(crate) fn given_up(self, tries: u32) -> Self {
        match self {
            Self::Failed { url, kind: Kind::Busy, message, retry_after } => Self::Overloaded { url, message, tries, retry_after },
            other => other,
        }
    }

    /// What to do about it. `again` says when the node tries it again by itself.
    pub(crate) fn hint(&self, again: impl FnOnce() -> String) -> Option<String> {
        let which = "settings.updates.metadata-base-url and .targets-base-url say which mirror is asked";
        Some(match self {
            Self::Overloaded { .. } => format!("what was verified is kept and not fetched again; {}", again()),
            Self::Short { .. } | Self::Unfinished { .. } | Self::Failed { kind: Kind::Unreachable | Kind::TooSlow | Kind::Faulty, .. } => {
                format!("what was verified is kept and not fetched again; {}; {which}", again())
            }
            Self::Failed { .. } | Self::TooLong { .. } => which.to_owned(),
            Self::Fetcher(_) | Self::Stopped => return None,
        })
    }

    /// Whether nothing else is to be tried instead.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self, Self::Overloaded { .. } | Self::Stopped)
    }

    pub(crate) fn is(&self, wanted: Kind) -> bool {
        matches!(self, Self::Failed { kind, .. } if *kind == wanted)
    }
}

/// Bytes on their way.
#[derive(Debug)]
pub(crate) struct Answer {
    url: String,
    length: Option<u64>,
    limit: u64,
    got: u64,
    bytes: io::Take<BufReader<UnixStream>>,
}

impl Fetcher {
    /// Asks for a file or a part of it.
    pub(crate) fn open(&self, url: &str, range: Option<Range>, limit: u64) -> Result<Answer, FetchError> {
        let fetch = Fetch { url: url.to_owned(), range, limit, proxy: self.proxy.clone(), no_proxy: self.no_proxy.clone() };
        let patience = fetch.patience() + SLACK;
        let (outcome, stream) = self.ask(&Request::Fetch(fetch), patience).map_err(FetchError::Fetcher)?;
        match outcome {
            Outcome::Ok { length } => {
                let most = length.unwrap_or(limit + 1).min(limit + 1);
                Ok(Answer { url: url.to_owned(), length, limit, got: 0, bytes: stream.take(most) })
            }
            Outcome::Failed { kind, message, retry_after } => Err(FetchError::Failed { url: url.to_owned(), kind, message, retry_after }),
        }
    }

    /// Whether something answers; if not, why.
    pub(crate) fn probe(&self, probe: Probe) -> Result<(), String> {
        let asked = self.ask(&Request::Probe { probe }, ampoule_fetchwire::MAX_PROBE + SLACK);
        match asked.map_err(|error| format!("cannot be asked: {error}"))?.0 {
            Outcome::Ok { .. } => Ok(()),
            Outcome::Failed { message, .. } => Err(message),
        }
    }

    fn ask(&self, request: &Request, patience: Duration) -> io::Result<(Outcome, BufReader<UnixStream>)> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(patience))?;
        stream.write_all(&request.line())?;
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        reader.by_ref().take(MAX_LINE as u64).read_until(b'\n', &mut line)?;
        Ok((Outcome::parse(&line).map_err(io::Error::other)?, reader))
    }
}

impl Answer {
    /// It must have this length, whether or not the server says one.
    pub(crate) fn must_have(mut self, length: u64) -> Self {
        self.length = self.length.or(Some(length));
        self
    }

    /// Whether the server said how long it is.
    pub(crate) fn has_length(&self) -> bool {
        self.length.is_some()
    }

    /// Some of the next bytes; 0: the end.
    pub(crate) fn read(&mut self, piece: &mut [u8]) -> Result<usize, FetchError> {
        let got = self.bytes.read(piece).map_err(FetchError::Fetcher)?;
        self.got += got as u64;
        match self.length {
            _ if self.got > self.limit => Err(FetchError::TooLong { url: self.url.clone(), limit: self.limit }),
            Some(wanted) if got == 0 && !piece.is_empty() && self.got < wanted => Err(self.short(wanted)),
            _ => Ok(got),
        }
    }

    /// All of the piece.
    pub(crate) fn fill(&mut self, piece: &mut [u8]) -> Result<(), FetchError> {
        let mut filled = 0;
        while filled < piece.len() {
            match self.read(&mut piece[filled..])? {
                0 => return Err(self.short(self.got + (piece.len() - filled) as u64)),
                got => filled += got,
            }
        }
        Ok(())
    }

    fn short(&self, wanted: u64) -> FetchError {
        FetchError::Short { url: self.url.clone(), got: self.got, wanted }
    }
}
