//! Client of the program that speaks with the network.

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
    #[error("{url}: the server sends more than the {limit} bytes that are taken")]
    TooLong { url: String, limit: u64 },
}

impl FetchError {
    /// Whether the same may go well in a moment.
    pub(crate) fn passes(&self) -> bool {
        match self {
            Self::Fetcher(_) | Self::Short { .. } => true,
            Self::TooLong { .. } => false,
            Self::Failed { kind, .. } => matches!(kind, Kind::TooSlow | Kind::Unreachable | Kind::Busy),
        }
    }

    /// Whether it is about the part that was asked for, or may be: then the whole may come.
    pub(crate) fn leaves_whole(&self) -> bool {
        matches!(self, Self::Failed { kind: Kind::NoRanges | Kind::OtherRange | Kind::Busy | Kind::Answer, .. })
    }

    /// How long the server wants to be left alone, if it said so.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Failed { retry_after, .. } => retry_after.map(Duration::from_secs),
            _ => None,
        }
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
