//! Where things are; all of it can be moved, so that the program runs in a test as it does on a node.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where and how long.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Put before every path.
    root: PathBuf,
    /// What the metadata service may take in all. Long enough for a slow network at first boot; a node that waits longer is better looked at.
    pub(crate) metadata_limit: Duration,
    /// First pause before a metadata service that gave no answer is asked again; it doubles up to a minute.
    pub(crate) retry_pause: Duration,
    /// For how long it is asked again. Who has not mended it in an hour restarts the node, or this service.
    pub(crate) retry_limit: Duration,
    /// What the other generators may wait for an address.
    pub(crate) network_limit: Duration,
    /// Port of name servers.
    pub(crate) dns_port: u16,
}

/// A word of the command line that means nothing.
#[derive(Debug, thiserror::Error)]
#[error(
    "Unknown option or value {0:?}; there are --root FOLDER, --metadata-limit, --retry-pause, --retry-limit and --network-limit MILLISECONDS, --dns-port PORT"
)]
pub(crate) struct UnknownOption(String);

impl Default for Options {
    fn default() -> Self {
        Self {
            root: "/".into(),
            metadata_limit: Duration::from_secs(60),
            retry_pause: Duration::from_secs(10),
            retry_limit: Duration::from_secs(3600),
            network_limit: Duration::from_secs(20),
            dns_port: 53,
        }
    }
}

impl Options {
    /// Reads the command line.
    ///
    /// # Errors
    /// An option that does not exist, or a value that is none.
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, UnknownOption> {
        let mut options = Self::default();
        while let Some(word) = words.next() {
            let value = words.next().ok_or_else(|| UnknownOption(word.clone()))?;
            let milliseconds = || value.parse().map(Duration::from_millis).map_err(|_| UnknownOption(value.clone()));
            match word.as_str() {
                "--root" => options.root = value.into(),
                "--metadata-limit" => options.metadata_limit = milliseconds()?,
                "--retry-pause" => options.retry_pause = milliseconds()?,
                "--retry-limit" => options.retry_limit = milliseconds()?,
                "--network-limit" => options.network_limit = milliseconds()?,
                "--dns-port" => options.dns_port = value.parse().map_err(|_| UnknownOption(value.clone()))?,
                _ => return Err(UnknownOption(word)),
            }
        }
        Ok(options)
    }

    /// An absolute path of a node, below the root of this run.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.join(Path::new(path.trim_start_matches('/')))
    }
}
