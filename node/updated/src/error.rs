//! Why something was not done.

use crate::disk::DiskError;
use crate::fetcher::FetchError;
use crate::repository::RepositoryError;
use crate::transfer::TransferError;
use ampoule_initctl::InitError;
use ampoule_layout::CommandLineError;
use ampoule_update::command::{Refusal, RefusalCode};
use ampoule_update::config::ConfigError;
use ampoule_update::loader::LoaderError;
use ampoule_update::pe::NotAProgram;
use ampoule_update::states::Refused;
use ampoule_update::tree::TreeError;
use ampoule_update::uki::UkiError;
use semver::Version;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why something was not done. Nothing is half done: the next start of the updater, or of the node, finds its way from what is on the disk.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpdateError {
    #[error("{0} is running; wait for its end")]
    Busy(&'static str),
    #[error(transparent)]
    State(#[from] Refused),
    #[error("{0}")]
    NoUpdate(String),
    #[error("{0}")]
    NotFound(String),
    #[error("could not {what} {path}", path = path.display())]
    Io { what: &'static str, path: PathBuf, source: io::Error },
    #[error("the kernel's command line is not one of this system")]
    CommandLine(#[source] CommandLineError),
    #[error("VERSION_ID of this image is not a version: {0:?}")]
    Version(String),
    #[error("/etc/ampoule/updates.json")]
    Config(#[from] ConfigError),
    #[error("settings.updates.version-lock: {0}")]
    Lock(String),
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error(transparent)]
    Transfer(#[from] TransferError),
    #[error("the hash tree of {name} is refused")]
    Tree { name: String, source: TreeError },
    #[error("the kernel image of {name} is refused")]
    Uki { name: String, source: UkiError },
    #[error("{name} cannot be read: is its disk failing?")]
    Image { name: String, source: io::Error },
    #[error("the kernel image of {name} starts another root than the update has")]
    OtherRoot { name: String },
    #[error("the boot loader of version {version} is refused")]
    BootLoader { version: Version, source: NotAProgram },
    #[error("the boot partition")]
    Loader(#[from] LoaderError),
    #[error("the boot partition cannot be used")]
    Boot(#[source] io::Error),
    #[error("{0} does not read back from the boot partition as it was written: the disk is failing")]
    NotAsWritten(&'static str),
    #[error("this node has no boot partition: it was started without firmware and boot loader, which updates need")]
    NoBootPartition,
    #[error(
        "the boot partition has no room: {needed} more bytes are needed, {free} are free; nothing was written. Remove what is not Ampoule's from it"
    )]
    NoRoom { needed: u64, free: u64 },
    #[error(
        "the {what} of version {version} has {length} bytes, the slot of this disk for it holds {room}; nothing was fetched or written. \
         Slots cannot grow on a node that is installed: it must be installed anew, from an image with larger ones"
    )]
    Slot { version: Version, what: &'static str, length: u64, room: u64 },
    #[error("the file {0} in {cache} is not the one that was verified; prepare the update again", cache = "/var/lib/ampoule/updated")]
    Cache(&'static str),
    #[error("the other slot is damaged: {0}")]
    OtherSlot(String),
    #[error("could not reboot")]
    Reboot(#[source] InitError),
}

impl UpdateError {
    /// As it is told to who asked. `again` says when the node tries again by itself.
    pub(crate) fn refusal(&self, again: impl FnOnce() -> String) -> Refusal {
        let code = match self {
            Self::Busy(_) => RefusalCode::Busy,
            Self::State(_) => RefusalCode::State,
            Self::NoUpdate(_) => RefusalCode::NoUpdate,
            Self::NotFound(_) => RefusalCode::NotFound,
            _ => RefusalCode::Failed,
        };
        let hint = self.fetch().and_then(|error| error.hint(again));
        Refusal { hint, ..Refusal::new(code, ampoule_report::chain(self)) }
    }

    /// How long the server at fault wants to be left alone.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.fetch()?.retry_after()
    }

    /// What a server did.
    fn fetch(&self) -> Option<&FetchError> {
        match self {
            Self::Fetch(error) | Self::Repository(RepositoryError::Fetch(error)) | Self::Transfer(TransferError::Fetch(error)) => {
                Some(error)
            }
            _ => None,
        }
    }
}
