//! The boot partition: which kernel image systemd-boot starts, and how that is changed so that power may fail at any moment.
//!
//! File names alone decide (UAPI.1 Boot Loader Specification, boot counting; systemd-boot 252 to 257), so it works where EFI variables cannot be
//! read or written. A node has at most the images of two versions, and for each an entry with boot parameters
//! (`node/boot-parameters`), which starts a copy of the image.

mod name;
mod order;
mod steps;

pub use name::{Counter, entry_name, image_name, parse_counter, parse_entry_name, parse_image_name};
pub use order::{Entry, compare_versions, counted, entries, order_of};
pub use steps::{
    LoaderError, Source, Step, activate, bless, condemn, deactivate, draft_loader, drop_loader, loader_draft, rollback, stage, use_loader,
};

use semver::Version;

/// Folder of kernel images.
pub const IMAGES: &str = "EFI/Linux";
/// Folder of entries with boot parameters.
pub const ENTRIES: &str = "loader/entries";
/// Folder of the copies of kernel images that these entries start, and of files in the making.
pub const COPIES: &str = "EFI/ampoule";
/// A kernel image in the making.
pub const DRAFT: &str = "EFI/ampoule/next.part";
/// Boots that an image on trial gets.
pub const TRIES: u32 = 3;

/// Names of files on the boot partition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Esp {
    /// In [`IMAGES`].
    pub images: Vec<String>,
    /// In [`ENTRIES`].
    pub entries: Vec<String>,
    /// In [`COPIES`].
    pub copies: Vec<String>,
}

/// A version as the loader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its version, which is in the names of its files.
    pub version: Version,
    /// What the loader orders it by: [`order_of`] its os-release.
    pub order: String,
}

#[cfg(test)]
mod crash_tests;
