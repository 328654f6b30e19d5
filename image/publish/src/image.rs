//! The files of an image: as the builder left them, and as they are named in a repository.

use std::path::{Path, PathBuf};

use ampoule_layout::{BLOCK_SIZE, RootHash};
use ampoule_migrate::Migration;
use ampoule_update::manifest::{Images, Kernel, Sizes, Update};
use ampoule_update::{TargetKind, TargetName, Waves};
use anyhow::{Context, Result, ensure};
use semver::Version;
use sha2::{Digest, Sha256};

/// Where the files of an image are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// The root file system.
    pub root: PathBuf,
    /// Its hash tree.
    pub hash: PathBuf,
    /// The unified kernel image.
    pub boot: PathBuf,
    /// The boot loader.
    pub loader: PathBuf,
}

impl Parts {
    /// The file of this kind.
    pub fn file(&self, kind: TargetKind) -> &Path {
        match kind {
            TargetKind::Root => &self.root,
            TargetKind::Hash => &self.hash,
            TargetKind::Boot => &self.boot,
            TargetKind::Loader => &self.loader,
        }
    }

    /// The files of the image that was built into `dir`.
    pub fn built(dir: &Path) -> Self {
        let file = |name: &str| dir.join(name);
        Self { root: file("root.erofs"), hash: file("root.verity"), boot: file("ampoule.efi"), loader: file("loader.efi") }
    }
}

/// A built image.
#[derive(Debug, Clone)]
pub struct Image {
    /// Its files.
    pub parts: Parts,
    /// Variant.
    pub variant: String,
    /// Machine architecture.
    pub arch: String,
    /// Version.
    pub version: Version,
    /// Root of its hash tree.
    pub root_hash: RootHash,
    /// What its versions and those before it changed in the form of settings.
    pub migrations: Vec<Migration>,
}

impl Image {
    /// The image that was built into `dir`; its files are proved to belong together.
    ///
    /// # Errors
    /// A file is missing, or does not match the root hash.
    pub fn open(dir: &Path) -> Result<Self> {
        let manifest = ampoule_builder::inspect(dir)?;
        let parts = Parts::built(dir);
        for kind in TargetKind::ALL {
            let path = parts.file(kind);
            ensure!(path.is_file(), "{} is missing: build the image again", path.display());
        }
        let root_hash = manifest.root_hash.parse()?;
        let version = manifest.version.parse().with_context(|| format!("{:?} is no version as updates need it", manifest.version))?;
        let (variant, arch, migrations) = (manifest.variant, manifest.architecture, manifest.migrations);
        let image = Self { parts, variant, arch, version, root_hash, migrations };
        crate::verify::image(&image.parts, &image.arch, root_hash, image.blocks()?)
            .with_context(|| format!("the image in {} is damaged", dir.display()))?;
        Ok(image)
    }

    fn blocks(&self) -> Result<u64> {
        let length = length(&self.parts.root)?;
        ensure!(length % BLOCK_SIZE == 0, "{} is no whole number of blocks", self.parts.root.display());
        Ok(length / BLOCK_SIZE)
    }

    /// Name of its file of this kind in a repository.
    pub(crate) fn target(&self, kind: TargetKind) -> Result<TargetName> {
        Ok(TargetName::of(&self.variant, &self.arch, &self.version, kind)?)
    }

    /// What the manifest says of it.
    pub(crate) fn update(&self, waves: Waves, max_version: Version) -> Result<Update> {
        let size = |kind| length(self.parts.file(kind));
        let (root, hash, boot, loader) = (TargetKind::Root, TargetKind::Hash, TargetKind::Boot, TargetKind::Loader);
        Ok(Update {
            variant: self.variant.clone(),
            arch: self.arch.clone(),
            version: self.version.clone(),
            max_version,
            waves,
            images: Images { boot: self.target(boot)?, root: self.target(root)?, hash: self.target(hash)?, loader: self.target(loader)? },
            root_hash: self.root_hash,
            root_blocks: self.blocks()?,
            size: Sizes { root: size(root)?, hash: size(hash)?, boot: size(boot)?, loader: size(loader)? },
            kernel: Some(self.kernel()?),
        })
    }

    fn kernel(&self) -> Result<Kernel> {
        let bytes = std::fs::read(&self.parts.boot).with_context(|| format!("cannot read {}", self.parts.boot.display()))?;
        let place = ampoule_update::uki::kernel(&bytes).with_context(|| format!("{} is no kernel image", self.parts.boot.display()))?;
        let sha256 = ampoule_base::hex(&Sha256::digest(&bytes[place.clone()]));
        Ok(Kernel { offset: place.start as u64, size: place.len() as u64, sha256 })
    }
}

fn length(path: &Path) -> Result<u64> {
    Ok(std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?.len())
}
