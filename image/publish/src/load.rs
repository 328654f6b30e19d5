//! Loading a repository as a node would: from a folder or over HTTP, with bounds.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tough::schema::{Root, Signed};
use tough::{
    Bytes, ExpirationEnforcement, FilesystemTransport, Limits, Repository, RepositoryLoader, Transport, TransportError, TransportErrorKind,
    TransportStream, async_trait,
};
use url::Url;

/// Longest metadata that is read, in bytes: many times what a repository of this kind has.
pub const LIMITS: Limits = Limits {
    max_root_size: 256 << 10,
    max_targets_size: 4 << 20,
    max_timestamp_size: 64 << 10,
    max_snapshot_size: 256 << 10,
    max_root_updates: 256,
};

/// How long one file may take, unless told otherwise.
const PATIENCE: Duration = Duration::from_secs(600);
/// How long a server may take to say anything.
const ANSWER: Duration = Duration::from_secs(30);

/// Where a repository is.
#[derive(Debug, Clone)]
pub struct Source {
    metadata: Url,
    targets: Url,
    patience: Duration,
}

impl Source {
    /// A folder or an `http` or `https` address; either has `metadata/` and `targets/` below it.
    ///
    /// # Errors
    /// It is neither.
    pub fn new(place: &str) -> Result<Self> {
        let base = if place.contains("://") {
            Url::parse(place).with_context(|| format!("{place} is no address"))?
        } else {
            let path = Path::new(place).canonicalize().with_context(|| format!("there is no repository at {place}"))?;
            ensure!(path.join("metadata").is_dir(), "{place} has no folder metadata: it is no repository");
            Url::from_directory_path(&path).map_err(|()| anyhow::anyhow!("{place} cannot be written as an address"))?
        };
        let base = if base.path().ends_with('/') { base } else { Url::parse(&format!("{base}/"))? };
        Ok(Self { metadata: base.join("metadata/")?, targets: base.join("targets/")?, patience: PATIENCE })
    }

    /// The same, where one file may take so long.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Loads and verifies its metadata, beginning with the root of trust `root`. `seen` is a folder in which what was seen is kept, so
    /// that older metadata is refused the next time.
    pub(crate) async fn load(&self, root: &[u8], seen: Option<&Path>, expiry: ExpirationEnforcement) -> Result<Repository> {
        let root = newer_root(root, seen)?;
        let mut loader = RepositoryLoader::new(&root, self.metadata.clone(), self.targets.clone())
            .transport(Fetch { patience: self.patience })
            .limits(LIMITS)
            .expiration_enforcement(expiry);
        if let Some(seen) = seen {
            loader = loader.datastore(seen);
        }
        Ok(loader.load().await?)
    }
}

/// The root that was trusted last, if it is newer: who begins with the first one each time follows the chain anew, and the library then
/// forgets what it saw at every replacement of a key on the way.
fn newer_root(given: &[u8], seen: Option<&Path>) -> Result<Vec<u8>> {
    let version =
        |text: &[u8]| -> Result<_> { Ok(serde_json::from_slice::<Signed<Root>>(text).context("it is no root of trust")?.signed.version) };
    let kept = seen.and_then(|seen| std::fs::read(seen.join("root.json")).ok());
    match kept {
        Some(kept) if version(&kept)? >= version(given)? => Ok(kept),
        _ => Ok(given.to_vec()),
    }
}

/// Files and HTTP.
#[derive(Debug, Clone, Copy)]
struct Fetch {
    patience: Duration,
}

#[async_trait]
impl Transport for Fetch {
    async fn fetch(&self, url: Url) -> Result<TransportStream, TransportError> {
        if url.scheme() == "file" {
            return FilesystemTransport.fetch(url).await;
        }
        let (sender, mut receiver) = tokio::sync::mpsc::channel(4);
        let (address, patience) = (url.clone(), self.patience);
        tokio::task::spawn_blocking(move || {
            let failed =
                |kind, cause: Box<dyn std::error::Error + Send + Sync>| TransportError::new_with_cause(kind, address.as_str(), cause);
            match open(&address, patience) {
                Ok(body) => {
                    each_piece(body, |piece| sender.blocking_send(piece.map_err(|e| failed(TransportErrorKind::Other, e.into()))).is_ok())
                }
                Err(ureq::Error::StatusCode(code @ (403 | 404 | 410))) => {
                    let cause = format!("the server answered {code}").into();
                    // Whoever does not wait for the answer any more needs none.
                    let _ = sender.blocking_send(Err(failed(TransportErrorKind::FileNotFound, cause)));
                }
                Err(error) => drop(sender.blocking_send(Err(failed(TransportErrorKind::Other, error.into())))),
            }
        });
        let first = receiver.recv().await;
        match first {
            Some(Err(error)) => Err(error),
            first => Ok(Box::pin(Pieces { first: first.and_then(Result::ok), rest: receiver })),
        }
    }
}

fn open(url: &Url, patience: Duration) -> Result<impl Read + use<>, ureq::Error> {
    let config =
        ureq::Agent::config_builder().timeout_global(Some(patience)).timeout_recv_response(Some(ANSWER.min(patience))).max_redirects(5);
    let agent: ureq::Agent = config.build().into();
    Ok(agent.get(url.as_str()).call()?.into_body().into_reader())
}

/// Hands over what is read until there is no more or nobody wants it.
fn each_piece(mut body: impl Read, mut take: impl FnMut(std::io::Result<Bytes>) -> bool) {
    let mut buffer = vec![0; 1 << 16];
    loop {
        match body.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => {
                if !take(Ok(Bytes::copy_from_slice(&buffer[..count]))) {
                    return;
                }
            }
            Err(error) => {
                take(Err(error));
                return;
            }
        }
    }
}

/// What comes from the thread that reads.
struct Pieces {
    first: Option<Bytes>,
    rest: tokio::sync::mpsc::Receiver<Result<Bytes, TransportError>>,
}

impl futures_core::Stream for Pieces {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: std::pin::Pin<&mut Self>, context: &mut std::task::Context<'_>) -> std::task::Poll<Option<Self::Item>> {
        match self.first.take() {
            Some(first) => std::task::Poll::Ready(Some(Ok(first))),
            None => self.rest.poll_recv(context),
        }
    }
}
