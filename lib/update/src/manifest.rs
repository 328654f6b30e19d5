//! `manifest.json`: what a repository offers. Bottlerocket's file, with what a node needs to fetch single blocks.

use std::collections::BTreeSet;

use ampoule_layout::RootHash;
use semver::Version;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{migrations::Table, target::TargetName, waves::Waves};

/// Longest manifest, in bytes.
pub const MAX_MANIFEST: usize = 1 << 20;
/// Most updates in one manifest.
pub const MAX_UPDATES: usize = 1000;
/// Most entries in its table of migrations.
pub const MAX_MIGRATIONS: usize = 10_000;
/// Name of the target that holds the manifest.
pub const MANIFEST: &str = "manifest.json";

/// Bytes of a data or hash block.
pub const BLOCK: u64 = ampoule_layout::BLOCK_SIZE;
/// Fewest blocks of a root: one alone has no tree.
pub const MIN_ROOT_BLOCKS: u64 = 2;
/// Most blocks of a root: those of its slot.
pub const MAX_ROOT_BLOCKS: u64 = ampoule_layout::GIB / BLOCK;
/// Largest tree, in bytes: that of its slot.
pub const MAX_HASH: u64 = 64 * ampoule_layout::MIB;
/// Largest kernel image, in bytes: those of two versions, a copy of each for its boot parameters and one in the making fit the boot partition.
pub const MAX_BOOT: u64 = 32 * ampoule_layout::MIB;
/// Largest boot loader, in bytes.
pub const MAX_LOADER: u64 = 4 * ampoule_layout::MIB;

/// What a repository offers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Manifest {
    /// Every image, in no order.
    #[serde(default)]
    pub updates: Vec<Update>,
    /// What versions change in the form of settings ([`crate::migrations`]).
    #[serde(default)]
    pub migrations: Table,
}

/// One image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Update {
    /// Variant, such as `standalone`.
    pub variant: String,
    /// Machine architecture, such as `x86_64`.
    pub arch: String,
    /// Version of the image.
    pub version: Version,
    /// The newest version that nodes shall run; one that runs a newer version goes back to the newest that is listed.
    pub max_version: Version,
    /// When which part of the fleet takes it; none: at once.
    #[serde(default)]
    pub waves: Waves,
    /// Targets with its parts.
    pub images: Images,
    /// Root of its dm-verity tree.
    #[serde(with = "root_hash")]
    pub root_hash: RootHash,
    /// Data blocks of its root, of [`BLOCK`] bytes.
    pub root_blocks: u64,
    /// Lengths of its parts, in bytes.
    pub size: Sizes,
    /// Where the kernel lies in the kernel image. A node whose running kernel image has the same kernel takes it from there and fetches
    /// only the rest; the whole is then verified like one that was fetched. Missing: it is fetched whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<Kernel>,
}

/// The kernel inside the unified kernel image: nearly all of it, and the same from version to version unless the kernel changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kernel {
    /// Where it begins, in bytes.
    pub offset: u64,
    /// Its length in bytes.
    pub size: u64,
    /// Its SHA-256 in hexadecimal, in small letters.
    pub sha256: String,
}

/// Targets with the parts of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Images {
    /// The unified kernel image.
    pub boot: TargetName,
    /// The root file system.
    pub root: TargetName,
    /// Its dm-verity tree.
    pub hash: TargetName,
    /// The boot loader.
    pub loader: TargetName,
}

/// Lengths of the parts of an image, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    /// Of the root file system.
    pub root: u64,
    /// Of its tree.
    pub hash: u64,
    /// Of the unified kernel image.
    pub boot: u64,
    /// Of the boot loader.
    pub loader: u64,
}

/// Why a manifest is not taken.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It is longer than [`MAX_MANIFEST`].
    #[error("manifest.json has {0} bytes, at most {MAX_MANIFEST} are read; publish fewer versions")]
    TooLong(usize),
    /// It is not the JSON that it must be.
    #[error("manifest.json: {0}")]
    Json(#[from] serde_json::Error),
    /// It has more than [`MAX_UPDATES`] updates or [`MAX_MIGRATIONS`] migrations.
    #[error("manifest.json: {count} {what}, at most {limit} are read; publish fewer versions")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// An update contradicts itself or another one.
    #[error("manifest.json: {variant} {arch} {version}: {reason}")]
    Update {
        /// Its variant.
        variant: String,
        /// Its architecture.
        arch: String,
        /// Its version.
        version: Version,
        /// What is wrong.
        reason: String,
    },
}

impl Manifest {
    /// Reads and checks a manifest. Fields that are not known are left out.
    ///
    /// # Errors
    /// [`ManifestError`]; nothing of a manifest with one wrong update is taken.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        if bytes.len() > MAX_MANIFEST {
            return Err(ManifestError::TooLong(bytes.len()));
        }
        let manifest: Self = serde_json::from_slice(bytes)?;
        manifest.check()?;
        Ok(manifest)
    }

    /// Whether this is a manifest that [`Self::parse`] takes; for those who make one.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), ManifestError> {
        at_most("updates", self.updates.len(), MAX_UPDATES)?;
        let migrations = self.migrations.values().map(|list| 1 + list.len()).sum();
        at_most("migrations", migrations, MAX_MIGRATIONS)?;
        let mut seen = BTreeSet::new();
        for update in &self.updates {
            update.check()?;
            if !seen.insert((&update.variant, &update.arch, &update.version)) {
                return Err(update.wrong("it is listed twice"));
            }
        }
        Ok(())
    }

    /// The manifest as it is published: indented JSON with a newline at its end.
    ///
    /// # Errors
    /// As [`Self::check`]; a manifest that no node would take is not made.
    pub fn to_json(&self) -> Result<String, ManifestError> {
        self.check()?;
        let text = serde_json::to_string_pretty(self)? + "\n";
        match text.len() {
            length if length > MAX_MANIFEST => Err(ManifestError::TooLong(length)),
            _ => Ok(text),
        }
    }
}

fn at_most(what: &'static str, count: usize, limit: usize) -> Result<(), ManifestError> {
    if count > limit { Err(ManifestError::TooMany { what, count, limit }) } else { Ok(()) }
}

impl Update {
    pub(crate) fn check(&self) -> Result<(), ManifestError> {
        [&self.variant, &self.arch].into_iter().try_for_each(|name| crate::target::check(name)).map_err(|e| self.wrong(e.to_string()))?;
        // A '+' in the name of a kernel image begins its boot counter.
        if [&self.version, &self.max_version].into_iter().any(|version| !version.build.is_empty() || version.to_string().len() > 64) {
            return Err(self.wrong("a version has no build metadata and at most 64 characters"));
        }
        self.check_lengths()
    }

    fn check_lengths(&self) -> Result<(), ManifestError> {
        let Self { root_blocks, size, .. } = self;
        if !(MIN_ROOT_BLOCKS..=MAX_ROOT_BLOCKS).contains(root_blocks) || size.root != root_blocks * BLOCK {
            return Err(self.wrong(format!("root_blocks is size.root / {BLOCK}, from {MIN_ROOT_BLOCKS} to {MAX_ROOT_BLOCKS}")));
        }
        if size.hash != crate::tree::length(*root_blocks) {
            return Err(self.wrong(format!("size.hash is {} for so many blocks", crate::tree::length(*root_blocks))));
        }
        for (name, length, limit) in [("boot", size.boot, MAX_BOOT), ("loader", size.loader, MAX_LOADER)] {
            if !(1..=limit).contains(&length) {
                return Err(self.wrong(format!("size.{name} is {length}; it is from 1 to {limit}")));
            }
        }
        self.check_kernel()
    }

    fn check_kernel(&self) -> Result<(), ManifestError> {
        let Some(Kernel { offset, size, sha256 }) = &self.kernel else { return Ok(()) };
        if *size == 0 || offset.checked_add(*size).is_none_or(|end| end > self.size.boot) {
            return Err(self.wrong("kernel lies outside of the kernel image"));
        }
        match sha256.len() == 64 && sha256.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f')) {
            true => Ok(()),
            false => Err(self.wrong("kernel.sha256 is 64 hexadecimal digits in small letters")),
        }
    }

    fn wrong(&self, reason: impl Into<String>) -> ManifestError {
        let short = |text: &String| text.chars().take(64).collect();
        let Self { variant, arch, version, .. } = self;
        ManifestError::Update { variant: short(variant), arch: short(arch), version: version.clone(), reason: reason.into() }
    }
}

/// A root hash as its hexadecimal digits.
mod root_hash {
    use super::{Deserialize, Deserializer, RootHash, Serializer, de};

    pub(super) fn serialize<S: Serializer>(hash: &RootHash, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(hash)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<RootHash, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
#[path = "manifest_tests.rs"]
mod tests;
