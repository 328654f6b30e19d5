//! Builds node images without root: packages, root file system, hash tree, kernel image, disk.

mod build;
mod cache;
mod debian;
mod doctor;
mod hash;
mod licence;
mod lock;
mod manifest;
mod package;
mod progress;
mod recipe;
mod request;
mod stage;
mod tool;
mod variant;

pub use build::build;
pub use doctor::{REQUIREMENTS, Requirement, missing};
pub use manifest::{Executable, Input, Manifest, Package, Sizes, inspect};
pub use progress::{Progress, Silent};
pub use request::{BuildRequest, BuiltImage, StageFailed, default_cache};

use std::path::Path;

/// An input whose lock moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockChange {
    /// Name of the input.
    pub name: String,
    /// What the lock named before: version and hash.
    pub old: String,
    /// What it names now.
    pub new: String,
}

/// Moves the lock of the input `name` (or of `all`) to the newest of its series and writes `image/lock.toml`.
///
/// # Errors
/// When there is no such input, or it cannot be fetched.
pub fn lock_update(
    _repo: &Path,
    _cache: &Path,
    _name: &str,
    _progress: &dyn Progress,
) -> anyhow::Result<Vec<LockChange>> {
    anyhow::bail!("not yet")
}

/// Where two images differ, first difference of each file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// File of the image: `root.erofs`, `disk.raw`, …
    pub file: String,
    /// The first place of difference, for a person: a path inside the root, or an offset.
    pub place: String,
}

/// Compares the reproducible files of two finished images. Empty means equal.
///
/// # Errors
/// When a file cannot be read.
pub fn compare(_a: &Path, _b: &Path) -> anyhow::Result<Vec<Difference>> {
    anyhow::bail!("not yet")
}
