//! What can go wrong with a disk, and what then.

use std::{io, path::PathBuf};

use ampoule_layout::gpt::GptError;

/// Why a partition is not in use as it should be. None of these ends the boot: its mount point gets a memory file
/// system instead and the reason is reported.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StorageError {
    #[error("no partition named {name} on {place} after {seconds} s; was this disk written by the image builder?")]
    NotFound { name: &'static str, place: String, seconds: u64 },
    #[error("{count} partitions are named {name} ({found}); detach the disk that does not belong to this node")]
    Ambiguous { name: &'static str, count: usize, found: String },
    #[error("{device} holds neither a file system of ours nor zeros ({found}); it was left untouched: wipe the partition to start anew")]
    Foreign { device: PathBuf, found: &'static str },
    #[error("{device} is {have} bytes, the file system to put on it needs {need}; make the partition larger")]
    TooSmall { device: PathBuf, have: u64, need: u64 },
    #[error("the seed {path} is not an ext4 file system; the image is damaged or incomplete", path = .0.display())]
    BadSeed(PathBuf),
    #[error("{device} could not be mounted; it was left untouched: copy its data off, then wipe it to start anew")]
    Mount { device: PathBuf, source: io::Error },
    #[error("{0} is a memory file system since an earlier try in this boot; restart the node to try again")]
    StandIn(&'static str),
    #[error("partition table of {device}")]
    Table { device: PathBuf, source: GptError },
    #[error("could not {what} {path}", path = path.display())]
    Io { what: &'static str, path: PathBuf, source: io::Error },
}

impl StorageError {
    /// For `map_err`: names what was tried on which file.
    pub(crate) fn io<E: Into<io::Error>>(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(E) -> Self {
        let path = path.into();
        move |source| Self::Io { what, path, source: source.into() }
    }
}
