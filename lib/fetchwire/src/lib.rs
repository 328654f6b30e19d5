//! What the updater asks of the program that speaks with the network for it, and how that answers; pure.
//!
//! One connection, one request: a line of JSON, a line of JSON back, and for a fetch that went well the bytes. Whoever asks trusts nothing of what comes back.

mod headers;

pub use headers::{content_range, retry_after};

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Where the fetcher listens.
pub const SOCKET: &str = "/run/ampoule/update-fetcher/socket";
/// Longest line of either side, in bytes, its end included.
pub const MAX_LINE: usize = 8 * 1024;
/// Longest URL, in bytes.
pub const MAX_URL: usize = 2048;
/// Most bytes that one request brings: more than a slot holds.
pub const MAX_LENGTH: u64 = 4 << 30;
/// Longest time a probe may be given.
pub const MAX_PROBE: Duration = Duration::from_secs(60);
/// Before a byte is expected: name servers, connection, proxy and answer of a slow server.
pub const START: Duration = Duration::from_secs(30);
/// Bytes per second that a server brings at least, on the whole after [`START`]. Below it an update of a few MiB takes hours: such a server is as good as none, and one that
/// does so on purpose is an attack (TUF specification, "slow retrieval").
pub const MIN_RATE: u64 = 16 * 1024;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Request {
    /// Bytes of a file.
    Fetch(Fetch),
    /// Whether something answers.
    Probe {
        /// What.
        probe: Probe,
    },
}

/// Bytes of a file on a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fetch {
    /// `http` or `https`.
    pub url: String,
    /// Only these bytes of it; a server that cannot send a part is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<Range>,
    /// Most bytes that are taken, however many the server has.
    pub limit: u64,
    /// The proxy on the way to servers that speak TLS, as a URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// Hosts and domains that are reached without it, divided by commas.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub no_proxy: String,
}

/// A part of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// First byte.
    pub offset: u64,
    /// Bytes; at least one.
    pub length: u64,
}

/// Something that answers if the node is well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Probe {
    /// GET of a URL; a status from 200 to 399 is well.
    Http {
        /// `http` or `https`.
        url: String,
        /// Time for the answer, in milliseconds.
        #[serde(rename = "timeout-ms")]
        timeout_ms: u64,
    },
    /// A TCP connection.
    Tcp {
        /// `HOST:PORT`.
        address: String,
        /// Time for the connection, in milliseconds.
        #[serde(rename = "timeout-ms")]
        timeout_ms: u64,
    },
}

/// How it went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Outcome {
    /// As asked. For a fetch the bytes follow: so many, or as many as come if the server did not say; one more than the limit then means that the file is too long.
    Ok {
        /// Bytes that follow.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        length: Option<u64>,
    },
    /// Not as asked.
    Failed {
        /// What kind of reason.
        kind: Kind,
        /// The reason, for a person.
        message: String,
        /// Seconds after which the server wants to be asked again, if it said so.
        #[serde(default, rename = "retry-after", skip_serializing_if = "Option::is_none")]
        retry_after: Option<u64>,
    },
}

/// What kind of reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The request is none.
    Request,
    /// The server has no such file.
    NotFound,
    /// The server does not send parts of files.
    NoRanges,
    /// It sends another part than was asked for, or says that there is none there.
    OtherRange,
    /// It, or a server behind it, has too much to do, which may pass (408, 429, 502, 503, 504): whoever asks for more makes it worse.
    Busy,
    /// It failed at what was asked (500 and all other 5xx), which may pass, too.
    Faulty,
    /// The file is longer than was to be taken.
    TooLong,
    /// It took too long.
    TooSlow,
    /// The server cannot be reached, broke off, or is not who it should be.
    Unreachable,
    /// It answered otherwise than was asked, or than HTTP has it.
    Answer,
}

/// A line is not what it must be.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// It is not such a line.
    #[error("this is not a line of the update fetcher: {0}")]
    Json(#[from] serde_json::Error),
    /// It asks for what is not done.
    #[error("the request is refused: {0}")]
    Refused(&'static str),
}

impl Request {
    /// Reads and checks a request.
    ///
    /// # Errors
    /// [`WireError`]
    pub fn parse(line: &[u8]) -> Result<Self, WireError> {
        let request: Self = serde_json::from_slice(line)?;
        request.check().map(|()| request)
    }

    fn check(&self) -> Result<(), WireError> {
        match self {
            Self::Fetch(fetch) => fetch.check(),
            Self::Probe { probe: Probe::Http { url, timeout_ms } } => check_url(url).and_then(|()| check_time(*timeout_ms)),
            Self::Probe { probe: Probe::Tcp { address, timeout_ms } } => check_address(address).and_then(|()| check_time(*timeout_ms)),
        }
    }

    /// The request as a line.
    #[must_use]
    pub fn line(&self) -> Vec<u8> {
        line(self)
    }
}

impl Fetch {
    fn check(&self) -> Result<(), WireError> {
        check_url(&self.url)?;
        self.proxy.as_deref().map_or(Ok(()), check_url)?;
        let length = self.range.map_or(self.limit, |range| range.length);
        let end = self.range.map_or(Some(0), |range| range.offset.checked_add(range.length));
        if !(1..=MAX_LENGTH).contains(&length) || length > self.limit || self.limit > MAX_LENGTH || end.is_none() {
            return Err(WireError::Refused("the range or the limit is empty or too large"));
        }
        Ok(())
    }

    /// Longest time that it may take: what a server needs to begin, and every byte at [`MIN_RATE`].
    #[must_use]
    pub fn patience(&self) -> Duration {
        START + Duration::from_secs(self.range.map_or(self.limit, |range| range.length) / MIN_RATE)
    }
}

/// Whether a server that brought so many bytes in this time, of which `start` is free, is one that takes its time on purpose.
#[must_use]
pub fn is_too_slow(bytes: u64, elapsed: Duration, start: Duration) -> bool {
    u128::from(bytes) * 1000 < u128::from(MIN_RATE) * elapsed.saturating_sub(start).as_millis()
}

impl Outcome {
    /// A failure.
    #[must_use]
    pub fn failed(kind: Kind, message: impl Into<String>) -> Self {
        // What a server says may stand in it: a line is a line, and short.
        let message = message.into().chars().map(|c| if c.is_control() { ' ' } else { c }).take(500).collect();
        Self::Failed { kind, message, retry_after: None }
    }

    /// A failure that may pass, and when the server wants to be asked again.
    #[must_use]
    pub fn for_now(kind: Kind, message: impl Into<String>, retry_after: Option<u64>) -> Self {
        match Self::failed(kind, message) {
            Self::Failed { kind, message, .. } => Self::Failed { kind, message, retry_after },
            ok @ Self::Ok { .. } => ok,
        }
    }

    /// Reads an outcome.
    ///
    /// # Errors
    /// [`WireError::Json`]
    pub fn parse(line: &[u8]) -> Result<Self, WireError> {
        Ok(serde_json::from_slice(line)?)
    }

    /// The outcome as a line.
    #[must_use]
    pub fn line(&self) -> Vec<u8> {
        line(self)
    }
}

fn check_url(url: &str) -> Result<(), WireError> {
    if url.len() > MAX_URL {
        return Err(WireError::Refused("the URL is too long"));
    }
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err(WireError::Refused("the URL is neither http nor https"));
    }
    match url.bytes().all(|c| c.is_ascii_graphic()) {
        true => Ok(()),
        false => Err(WireError::Refused("the URL has characters that a URL cannot have")),
    }
}

fn check_address(address: &str) -> Result<(), WireError> {
    let port = address.rsplit_once(':').filter(|(host, _)| !host.is_empty()).and_then(|(_, port)| port.parse::<u16>().ok());
    match port {
        Some(1..) if address.len() <= 300 && address.bytes().all(|c| c.is_ascii_graphic()) => Ok(()),
        _ => Err(WireError::Refused("the address is not HOST:PORT")),
    }
}

fn check_time(timeout_ms: u64) -> Result<(), WireError> {
    match Duration::from_millis(timeout_ms) {
        time if !time.is_zero() && time <= MAX_PROBE => Ok(()),
        _ => Err(WireError::Refused("a probe takes up to a minute")),
    }
}

fn line(value: &impl Serialize) -> Vec<u8> {
    // These types have no map with odd keys, so they always have a text.
    let mut bytes = serde_json::to_vec(value).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fetch(url: &str, range: Option<(u64, u64)>, limit: u64) -> Request {
        let range = range.map(|(offset, length)| Range { offset, length });
        Request::Fetch(Fetch { url: url.to_owned(), range, limit, proxy: None, no_proxy: String::new() })
    }

    #[test]
    fn what_is_asked_is_understood() {
        let probes = [
            Probe::Http { url: "http://[::1]:80/x".into(), timeout_ms: 5 },
            Probe::Tcp { address: "node.local:443".into(), timeout_ms: 60_000 },
        ];
        let fetches = [fetch("https://u.example/1.root.json", None, 9), fetch("http://u.example/r", Some((4096, 9)), 9)];
        for request in fetches.into_iter().chain(probes.map(|probe| Request::Probe { probe })) {
            assert_eq!(Request::parse(&request.line()).expect("understood"), request);
        }
        assert_eq!(Request::parse(br#"{"url":"http://a/","limit":1}"#).expect("short form"), fetch("http://a/", None, 1));
    }

    #[test]
    fn what_is_not_done_is_refused() {
        let urls =
            ["file:///etc/passwd", "ftp://a/", "http:/a", "http://a/ b", "http://a/\r\nX: y", &format!("http://a/{}", "x".repeat(MAX_URL))];
        for url in urls {
            assert!(Request::parse(&fetch(url, None, 1).line()).is_err(), "{url}");
        }
        for (range, limit) in [(None, 0), (Some((0, 0)), 1), (Some((0, 2)), 1), (Some((u64::MAX, 1)), 1), (None, u64::MAX)] {
            assert!(Request::parse(&fetch("http://a/", range, limit).line()).is_err(), "{range:?} {limit}");
        }
        for address in ["", "a", "a:", ":1", "a:0", "a:65536", "a b:1"] {
            let request = Request::Probe { probe: Probe::Tcp { address: address.into(), timeout_ms: 1 } };
            assert!(Request::parse(&request.line()).is_err(), "{address}");
        }
        for timeout_ms in [0, 60_001] {
            let request = Request::Probe { probe: Probe::Tcp { address: "a:1".into(), timeout_ms } };
            assert!(Request::parse(&request.line()).is_err());
        }
    }

    #[test]
    fn a_server_has_time_for_what_it_brings() {
        let Request::Fetch(small) = fetch("http://a/", Some((0, 1)), 1 << 30) else { unreachable!() };
        let Request::Fetch(large) = fetch("http://a/", None, 64 << 20) else { unreachable!() };
        assert_eq!((small.patience(), large.patience()), (START, START + Duration::from_secs(4096)));
    }

    #[test]
    fn a_byte_each_second_is_too_slow_as_soon_as_it_can_be_told() {
        let seconds = Duration::from_secs;
        assert!(!is_too_slow(0, START, START) && is_too_slow(31, START + seconds(1), START));
        assert!(!is_too_slow(10 * MIN_RATE, START + seconds(10), START) && is_too_slow(10 * MIN_RATE, START + seconds(11), START));
    }

    #[test]
    fn a_server_that_is_busy_says_for_how_long() {
        let busy = Outcome::for_now(Kind::Busy, "later", Some(7));
        assert_eq!(Outcome::parse(&busy.line()).expect("understood"), busy);
        assert!(matches!(busy, Outcome::Failed { kind: Kind::Busy, retry_after: Some(7), .. }));
    }

    #[test]
    fn a_failure_is_one_short_line_whatever_a_server_said() {
        let line = Outcome::failed(Kind::Answer, "x\n{\"ok\":{}}\0".repeat(1000)).line();
        assert!(line.len() < MAX_LINE && line.iter().filter(|byte| **byte == b'\n').count() == 1);
        assert!(matches!(Outcome::parse(&line), Ok(Outcome::Failed { kind: Kind::Answer, .. })));
    }

    proptest! {
        #[test]
        fn any_line_is_answered(line in prop::collection::vec(any::<u8>(), 0..200), text in "\\PC{0,60}") {
            let _ = (Request::parse(&line), Outcome::parse(&line), content_range(&text), retry_after(&text, &text, std::time::SystemTime::UNIX_EPOCH));
        }
    }
}
