//! The repository of updates: TUF by `tough`, with bytes that come through the fetcher.
//!
//! The calls of `tough` are asynchronous; the transport is not. One thread drives one call to its end, which is all that is needed.

use crate::fetcher::{FetchError, Fetcher};
use crate::patience::Fetched;
use crate::places::write_whole;
use crate::transport::{MAX_METADATA, Through};
use ampoule_update::config::Config;
use ampoule_update::manifest::{MANIFEST, MAX_MANIFEST};
use ampoule_update::{Manifest, ManifestError, TargetName, Timestamp};
use futures_util::StreamExt;
use std::fs::File;
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};
use tough::error::Error as TufError;
use tough::{Limits, RepositoryLoader};
use url::Url;

/// Most roots that are gone through in one go: with a new one each month, more than a machine lives.
const MAX_ROOTS: u64 = 256;
/// Longest target that is fetched whole through here (the root is not), in bytes.
const MAX_TARGET: u64 = 64 << 20;
/// Where `tough` keeps the latest time that it saw.
const LATEST_TIME: &str = "latest_known_time.json";
/// Where the versions are kept that were seen last, in the order of [`ROLES`].
const SEEN: &str = "seen.json";
const ROLES: [&str; 4] = ["root", "timestamp", "snapshot", "targets"];

/// Why the repository is of no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RepositoryError {
    #[error("this image trusts nobody for updates: it was built without a root of trust ({path})", path = .0.display())]
    NoTrust(PathBuf),
    #[error("settings.updates.metadata-base-url is not set: nobody said where updates are")]
    NoAddress,
    #[error("settings.updates.{key} is no URL: {reason}")]
    Address { key: &'static str, reason: url::ParseError },
    #[error("could not {what} {path}", path = path.display())]
    Io { what: &'static str, path: PathBuf, source: io::Error },
    #[error(
        "the {role} metadata of the repository has expired; the node's clock says {now}: if that is right, the repository must be refreshed by who publishes it"
    )]
    Expired { role: String, now: Timestamp },
    #[error("the node's clock says {now}, but it was {latest} when updates were last looked for; is its time set? (settings.ntp)")]
    Clock { now: Timestamp, latest: String },
    #[error("the repository is refused: {0}")]
    Refused(String),
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(
        "the repository went back: version {found} of its {role} metadata, {seen} was seen before; is this mirror behind, or does it hide what is newer?"
    )]
    Back { role: &'static str, seen: u64, found: u64 },
    #[error("the repository has no file {0}, which its manifest names")]
    Missing(String),
    #[error("the file {name} has {found} bytes in the signed list and {expected} in the manifest; the repository contradicts itself")]
    Length { name: String, found: u64, expected: u64 },
    #[error("the repository's manifest is refused")]
    Manifest(#[from] ManifestError),
    #[error("{0} could not be kept")]
    Sink(String, #[source] io::Error),
}

impl Fetched for RepositoryError {
    fn into_fetch(self) -> Result<FetchError, Self> {
        match self {
            Self::Fetch(error) => Ok(error),
            other => Err(other),
        }
    }
}

/// Where a file goes.
pub(crate) trait Sink {
    /// It comes anew, from its first byte on.
    fn restart(&mut self) -> io::Result<()>;

    fn take(&mut self, piece: &[u8]) -> io::Result<()>;
}

impl Sink for Vec<u8> {
    fn restart(&mut self) -> io::Result<()> {
        self.clear();
        Ok(())
    }

    fn take(&mut self, piece: &[u8]) -> io::Result<()> {
        self.extend_from_slice(piece);
        Ok(())
    }
}

impl Sink for File {
    fn restart(&mut self) -> io::Result<()> {
        self.set_len(0)?;
        self.rewind()
    }

    fn take(&mut self, piece: &[u8]) -> io::Result<()> {
        self.write_all(piece)
    }
}

/// A repository whose metadata was verified.
pub(crate) struct Repository {
    inner: tough::Repository,
    runtime: tokio::runtime::Runtime,
    targets: Url,
    through: Through,
}

/// A file as the signed list has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) length: u64,
    /// SHA-256, in hexadecimal.
    pub(crate) sha256: String,
}

impl Repository {
    /// Fetches and verifies the metadata. `trust` is the file of the root of trust, `cache` the folder of what was seen last.
    pub(crate) fn load(config: &Config, fetcher: &Fetcher, trust: &Path, cache: &Path) -> Result<Self, RepositoryError> {
        let root = match std::fs::read(trust) {
            Ok(root) => root,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(RepositoryError::NoTrust(trust.to_owned())),
            Err(source) => return Err(RepositoryError::Io { what: "read", path: trust.to_owned(), source }),
        };
        let (metadata, targets) = addresses(config)?;
        let wrong = |what| move |source| RepositoryError::Io { what, path: cache.to_owned(), source };
        std::fs::create_dir_all(cache).map_err(wrong("make the folder"))?;
        let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().map_err(wrong("begin to read into"))?;
        let before = std::fs::read(cache.join(LATEST_TIME)).ok();
        let through = Through::new(fetcher.clone());
        let loader = RepositoryLoader::new(&root, metadata, targets.clone()).transport(through.clone()).limits(limits()).datastore(cache);
        match runtime.block_on(loader.load()) {
            Ok(inner) => {
                let repository = Self { inner, runtime, targets, through };
                repository.never_back(&cache.join(SEEN))?;
                Ok(repository)
            }
            Err(error) => {
                forget_time(&cache.join(LATEST_TIME), before);
                Err(through.failure().map_or_else(|| reason(&error), RepositoryError::Fetch))
            }
        }
    }

    /// Refuses metadata that is older than what was seen last. `tough` begins at the root of the image each time, so at every replacement of a key on the way it
    /// forgets what it kept. A root that was kept could be followed instead, but it would lie on a partition that nothing verifies.
    fn never_back(&self, path: &Path) -> Result<(), RepositoryError> {
        let now = [
            self.inner.root().signed.version.get(),
            self.inner.timestamp().signed.version.get(),
            self.inner.snapshot().signed.version.get(),
            self.inner.targets().signed.version.get(),
        ];
        let kept = ampoule_files::read(path, 1024).ok().flatten();
        let seen: [u64; 4] = kept.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        // Under a newer root the publisher may begin anew: that is how one whose keys were stolen gets rid of versions without end.
        let compared = if now[0] > seen[0] { 0 } else { 4 };
        for (role, (seen, found)) in ROLES.into_iter().zip(seen.into_iter().zip(now)).take(compared) {
            if found < seen {
                return Err(RepositoryError::Back { role, seen, found });
            }
        }
        let text = serde_json::to_vec(&now).unwrap_or_default();
        write_whole(path, &text).map_err(|source| RepositoryError::Io { what: "write", path: path.to_owned(), source })
    }

    /// What the repository offers.
    pub(crate) fn manifest(&self) -> Result<Manifest, RepositoryError> {
        let mut bytes = Vec::new();
        let name = TargetName::try_from(MANIFEST.to_owned()).map_err(|error| RepositoryError::Refused(error.to_string()))?;
        let length = self.target(&name)?.length;
        if length > MAX_MANIFEST as u64 {
            return Err(ManifestError::TooLong(usize::try_from(length).unwrap_or(usize::MAX)).into());
        }
        self.read(&name, length, &mut bytes)?;
        Ok(Manifest::parse(&bytes)?)
    }

    /// A file of the signed list. What other roles were trusted with is not ours.
    pub(crate) fn target(&self, name: &TargetName) -> Result<Target, RepositoryError> {
        let found = self.inner.targets().signed.targets.get(&tuf_name(name)?);
        let target = found.ok_or_else(|| RepositoryError::Missing(name.to_string()))?;
        let sha256 = ampoule_base::hex(&target.hashes.sha256);
        Ok(Target { length: target.length, sha256 })
    }

    /// A file that must have the length that the manifest says.
    pub(crate) fn target_of(&self, name: &TargetName, expected: u64) -> Result<Target, RepositoryError> {
        let target = self.target(name)?;
        match target.length {
            found if found != expected => Err(RepositoryError::Length { name: name.to_string(), found, expected }),
            _ => Ok(target),
        }
    }

    /// Where the file lies; for the root, whose blocks are verified one by one.
    pub(crate) fn address(&self, name: &TargetName) -> Result<String, RepositoryError> {
        let target = self.target(name)?;
        let file = if self.inner.root().signed.consistent_snapshot { format!("{}.{name}", target.sha256) } else { name.to_string() };
        let joined = self.targets.join(&file).map_err(|reason| RepositoryError::Address { key: "targets-base-url", reason })?;
        Ok(joined.into())
    }

    /// Fetches a file of `expected` bytes and hands them on. What was handed on counts only if this ends well: then length and hash were those of the signed list.
    pub(crate) fn read(&self, name: &TargetName, expected: u64, sink: &mut impl Sink) -> Result<(), RepositoryError> {
        let length = self.target_of(name, expected)?.length;
        if length > MAX_TARGET {
            return Err(RepositoryError::Refused(format!("{name} has {length} bytes, at most {MAX_TARGET} are read")));
        }
        // Wrong bytes are not asked for again: who sent them once lies, or is damaged.
        self.through.fetcher().patiently(
            name.as_str(),
            || false,
            || {
                sink.restart().map_err(|source| RepositoryError::Sink(name.to_string(), source))?;
                self.read_once(name, length, sink)
            },
        )
    }

    fn read_once(&self, name: &TargetName, length: u64, sink: &mut impl Sink) -> Result<(), RepositoryError> {
        let wanted = tuf_name(name)?;
        self.through.expect(length);
        let why = |error: &TufError| self.through.failure().map_or_else(|| reason(error), RepositoryError::Fetch);
        let mut got = 0;
        self.runtime.block_on(async {
            let found = self.inner.read_target(&wanted).await.map_err(|error| why(&error))?;
            let mut bytes = std::pin::pin!(found.ok_or_else(|| RepositoryError::Missing(name.to_string()))?);
            while let Some(piece) = bytes.next().await {
                let piece = piece.map_err(|error| why(&error))?;
                got += piece.len() as u64;
                sink.take(&piece).map_err(|source| RepositoryError::Sink(name.to_string(), source))?;
            }
            Ok::<_, RepositoryError>(())
        })?;
        if got == length { Ok(()) } else { Err(RepositoryError::Length { name: name.to_string(), found: got, expected: length }) }
    }
}

fn limits() -> Limits {
    Limits {
        max_root_size: MAX_METADATA,
        max_targets_size: MAX_METADATA,
        max_timestamp_size: MAX_METADATA,
        max_snapshot_size: MAX_METADATA,
        max_root_updates: MAX_ROOTS,
    }
}

fn addresses(config: &Config) -> Result<(Url, Url), RepositoryError> {
    let metadata = config.metadata_base_url.as_deref().filter(|url| !url.is_empty()).ok_or(RepositoryError::NoAddress)?;
    let targets = config.targets_base_url.as_deref().filter(|url| !url.is_empty());
    // As `tuftool` lays a repository out, where nothing else is said.
    let targets = targets.map_or_else(|| format!("{}/../targets/", metadata.trim_end_matches('/')), str::to_owned);
    Ok((folder("metadata-base-url", metadata)?, folder("targets-base-url", &targets)?))
}

fn folder(key: &'static str, text: &str) -> Result<Url, RepositoryError> {
    Url::parse(&format!("{}/", text.trim_end_matches('/'))).map_err(|reason| RepositoryError::Address { key, reason })
}

fn tuf_name(name: &TargetName) -> Result<tough::TargetName, RepositoryError> {
    tough::TargetName::new(name.as_str()).map_err(|error| RepositoryError::Refused(error.to_string()))
}

/// A time at which the repository was refused is no time that the clock may not go back behind: it may be years ahead until it is set.
fn forget_time(path: &Path, before: Option<Vec<u8>>) {
    let restored = match before {
        Some(bytes) => std::fs::write(path, bytes),
        None => std::fs::remove_file(path),
    };
    if let Err(error) = restored.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }) {
        log::warn!("{}: {error}", path.display());
    }
}

/// What `tough` says, in our words where a person can do something.
fn reason(error: &TufError) -> RepositoryError {
    match error {
        TufError::ExpiredMetadata { role, .. } => RepositoryError::Expired { role: role.to_string(), now: now() },
        TufError::SystemTimeSteppedBackward { latest_known_time, .. } => {
            RepositoryError::Clock { now: now(), latest: latest_known_time.to_string() }
        }
        _ => RepositoryError::Refused(innermost(error)),
    }
}

/// Each cause once: those of `tough` repeat the ones below them.
fn innermost(error: &TufError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text.chars().take(400).collect()
}

/// The time, as the node's clock has it.
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_seconds(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}
