//! The transport of `tough`: every byte by the fetcher, tried again where that may help.
//!
//! What `tough` verifies is one answer from its first byte to its last: a file of metadata is fetched whole before any of it is handed on, and of another file (whose pieces `tough` has
//! hashed by then) the whole is read anew by whoever reads it. Nothing is put together from two answers.

use crate::fetcher::{Answer, FetchError, Fetcher};
use crate::transfer::lock;
use ampoule_fetchwire::Kind;
use futures_util::stream;
use std::sync::{Arc, Mutex};
use tough::{Bytes, Transport, TransportError, TransportErrorKind, TransportStream};
use url::Url;

/// Longest file of metadata, in bytes. A repository of a thousand versions has half a megabyte of it; a node has 32 MiB for all it does.
pub(crate) const MAX_METADATA: u64 = 2 << 20;
/// Bytes handed on at once.
const PIECE: usize = 32 * 1024;

/// The transport.
#[derive(Clone, Debug)]
pub(crate) struct Through {
    fetcher: Fetcher,
    /// Bytes of the file that comes next; `None`: it is metadata.
    length: Arc<Mutex<Option<u64>>>,
    failed: Failed,
}

/// Why no bytes came: `tough` has only words for it.
type Failed = Arc<Mutex<Option<FetchError>>>;

impl Through {
    pub(crate) fn new(fetcher: Fetcher) -> Self {
        Self { fetcher, length: Arc::default(), failed: Arc::default() }
    }

    pub(crate) fn fetcher(&self) -> &Fetcher {
        &self.fetcher
    }

    /// What comes next is a file of so many bytes.
    pub(crate) fn expect(&self, length: u64) {
        *lock(&self.length) = Some(length);
        self.failure();
    }

    /// Why no bytes came, if that is what went wrong.
    pub(crate) fn failure(&self) -> Option<FetchError> {
        lock(&self.failed).take()
    }

    fn metadata(&self, url: &str) -> Result<Vec<u8>, FetchError> {
        self.fetcher.patiently(
            url,
            || false,
            || {
                let (mut answer, mut bytes, mut piece) = (self.fetcher.open(url, None, MAX_METADATA)?, Vec::new(), vec![0; PIECE]);
                loop {
                    match answer.read(&mut piece)? {
                        0 if !answer.has_length() && breaks_off(&bytes) => {
                            return Err(FetchError::Unfinished { url: url.to_owned(), got: bytes.len() });
                        }
                        0 => return Ok(bytes),
                        length => bytes.extend_from_slice(&piece[..length]),
                    }
                }
            },
        )
    }

    fn stream(&self, address: String) -> Result<TransportStream, FetchError> {
        let Some(length) = *lock(&self.length) else {
            let bytes = self.metadata(&address)?;
            return Ok(Box::pin(stream::iter([Ok(bytes.into())])));
        };
        let answer = self.fetcher.open(&address, None, length.max(1))?.must_have(length);
        Ok(Box::pin(stream::iter(Pieces { address, answer: Some(answer), failed: Arc::clone(&self.failed) })))
    }
}

#[tough::async_trait]
impl Transport for Through {
    async fn fetch(&self, url: Url) -> Result<TransportStream, TransportError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(TransportError::new(TransportErrorKind::UnsupportedUrlScheme, url.as_str()));
        }
        match self.stream(url.to_string()) {
            Err(error) if error.is(Kind::NotFound) => {
                Err(TransportError::new_with_cause(TransportErrorKind::FileNotFound, url.as_str(), error))
            }
            // Not as an error of this call: whatever that is, `tough` takes it for "there is no newer root", and a mirror that refuses that one file would hold a node with roots before it.
            Err(error) => Ok(Box::pin(stream::iter([Err(keep(url.as_str(), error, &self.failed))]))),
            Ok(stream) => Ok(stream),
        }
    }
}

/// Whether more must come. Of an answer without a length that ends with the connection (RFC 9112, section 6.3), nothing but the file itself tells; all metadata is JSON.
fn breaks_off(metadata: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(metadata).is_err_and(|error| error.is_eof())
}

fn keep(url: &str, error: FetchError, failed: &Failed) -> TransportError {
    let told = TransportError::new_with_cause(TransportErrorKind::Other, url, error.to_string());
    *lock(failed) = Some(error);
    told
}

/// The bytes, a piece at a time; nothing after an error.
struct Pieces {
    address: String,
    answer: Option<Answer>,
    failed: Failed,
}

impl Iterator for Pieces {
    type Item = Result<Bytes, TransportError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut piece = vec![0; PIECE];
        match self.answer.as_mut()?.read(&mut piece) {
            Ok(0) => None,
            Ok(length) => {
                piece.truncate(length);
                Some(Ok(piece.into()))
            }
            Err(error) => {
                self.answer = None;
                Some(Err(keep(&self.address, error, &self.failed)))
            }
        }
    }
}
