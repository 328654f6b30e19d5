//! What a build is asked for and what it gives back.

use crate::manifest::Manifest;
use std::path::{Path, PathBuf};

/// One image to build.
#[derive(Debug, Clone)]
pub struct BuildRequest {
    /// The checkout: `node/`, `image/packages/`, `variants/` are read from here; nothing is written into it.
    pub repo: PathBuf,
    /// Name of a file in `variants/`, without `.toml`.
    pub variant: String,
    /// Directory that receives the files of the image; replaced as a whole when all of them are finished.
    pub out: PathBuf,
    /// The content-addressed cache, usually [`default_cache`].
    pub cache: PathBuf,
    /// Refuse an input that is not exactly the locked one, instead of using the newest of its series with a notice.
    pub locked: bool,
    /// The `root.json` that nodes trust for updates, in place of the one that the variant names; without either, nodes of this
    /// image take no updates.
    pub update_root: Option<PathBuf>,
}

/// An image that lies finished in a directory.
#[derive(Debug, Clone)]
pub struct BuiltImage {
    /// Where `disk.raw`, `disk.qcow2`, `ampoule.efi`, `loader.efi`, `vmlinuz`, `cmdline`, `root.erofs`,
    /// `root.verity`, `manifest.json` and `sbom.spdx.json` are.
    pub dir: PathBuf,
    /// What the image says about itself.
    pub manifest: Manifest,
}

/// A stage of the build failed. The first thing in the chain of the error that [`crate::build`] returns
/// (`error.downcast_ref::<StageFailed>()`).
#[derive(Debug)]
pub struct StageFailed {
    /// Name of the stage, as given to [`crate::Progress`].
    pub stage: String,
    /// What the stage's tools printed, if it ran any.
    pub log: Option<PathBuf>,
}

impl std::fmt::Display for StageFailed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.log {
            Some(log) => write!(f, "stage {} failed; its log is {}", self.stage, log.display()),
            None => write!(f, "stage {} failed", self.stage),
        }
    }
}

impl std::error::Error for StageFailed {}

/// The cache directory of this user: `$AMPOULE_CACHE`, else `$XDG_CACHE_HOME/ampoule`, else `~/.cache/ampoule`.
pub fn default_cache() -> PathBuf {
    let variable = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    variable("AMPOULE_CACHE")
        .or_else(|| variable("XDG_CACHE_HOME").map(|d| d.join("ampoule")))
        .or_else(|| variable("HOME").map(|d| d.join(".cache/ampoule")))
        .unwrap_or_else(|| Path::new("/var/tmp").join("ampoule-cache"))
}
