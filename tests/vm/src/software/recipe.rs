//! What an image is made of: `tests/images/NAME/image.toml`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// Grows when the way of building changes, so that old images are not used.
const FORMAT: &str = "2";

/// A recipe.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Recipe {
    /// Debian packages.
    pub(crate) packages: Vec<String>,
    /// What is there beside them.
    #[serde(default)]
    pub(crate) variant: Variant,
    /// Shell commands run with the root folder as `$1` before the packages are installed.
    #[serde(default)]
    pub(crate) before: Vec<String>,
    /// Shell commands run with the root folder as `$1` when all else is in it.
    #[serde(default)]
    pub(crate) after: Vec<String>,
    /// Patterns of files that are not unpacked.
    #[serde(default)]
    pub(crate) exclude: Vec<String>,
    /// Folders made in the root.
    #[serde(default)]
    pub(crate) directories: Vec<String>,
    /// Files put into the root.
    #[serde(default)]
    pub(crate) files: Vec<AddedFile>,
    pub(crate) entrypoint: Vec<String>,
    #[serde(default)]
    pub(crate) command: Vec<String>,
    pub(crate) stop_signal: Option<String>,
    /// Where the recipe lies.
    #[serde(skip)]
    pub(crate) folder: PathBuf,
    /// Hash of everything above and the files named in it.
    #[serde(skip)]
    pub(crate) key: String,
}

/// What an image has beside the packages of its recipe (`mmdebstrap --variant`).
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Variant {
    /// The packages that every Debian system has.
    #[default]
    Essential,
    /// Nothing; the packages are unpacked and not configured.
    Extract,
}

impl Variant {
    /// As `mmdebstrap` calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Essential => "essential",
            Self::Extract => "extract",
        }
    }

    /// The last hook of `mmdebstrap` that runs; without configuring there is no customizing either.
    pub(crate) fn last_hook(self) -> &'static str {
        match self {
            Self::Essential => "customize-hook",
            Self::Extract => "extract-hook",
        }
    }
}

/// A file put into the root.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct AddedFile {
    pub(crate) path: String,
    /// File beside the recipe.
    pub(crate) source: String,
    pub(crate) mode: String,
}

impl Recipe {
    /// Reads the recipe in `folder`.
    pub(crate) fn load(folder: &Path) -> Result<Self> {
        let path = folder.join("image.toml");
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let mut recipe: Self = toml::from_str(&text).with_context(|| path.display().to_string())?;
        recipe.folder = folder.to_owned();
        recipe.key = recipe.hash(&text)?;
        Ok(recipe)
    }

    fn hash(&self, text: &str) -> Result<String> {
        let mut hash = Sha256::new().chain_update(FORMAT).chain_update(text);
        for file in &self.files {
            hash.update(fs::read(self.folder.join(&file.source))?);
        }
        let digest = hash.finalize();
        Ok(ampoule_base::hex(&digest[..8]))
    }
}
