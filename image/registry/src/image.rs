//! What the registry serves.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use serde_json::Value;

use crate::{archive, digest::is_digest, layout};

/// Largest manifest or index; registries refuse more than 4 MiB as well.
pub(crate) const DOCUMENT_LIMIT: u64 = 4 * 1024 * 1024;

/// Where the bytes of a blob are.
#[derive(Clone, Debug)]
pub enum Source {
    /// In memory.
    Memory(Bytes),
    /// A part of a file.
    File {
        /// The file.
        path: PathBuf,
        /// First byte.
        offset: u64,
        /// Number of bytes.
        length: u64,
    },
}

/// Some bytes with a digest.
#[derive(Clone, Debug)]
pub struct Blob {
    /// Where they are.
    pub source: Source,
    /// Media type, known for manifests and indexes only.
    pub media_type: Option<String>,
}

impl Blob {
    /// A blob in memory.
    pub fn memory(bytes: Vec<u8>) -> Self {
        Self { source: Source::Memory(bytes.into()), media_type: None }
    }

    /// Number of bytes.
    pub fn length(&self) -> u64 {
        match &self.source {
            Source::Memory(bytes) => bytes.len() as u64,
            Source::File { length, .. } => *length,
        }
    }
}

/// One image (or an index of images for several platforms): its blobs, and which of them is the entrance.
#[derive(Clone, Debug)]
pub struct Image {
    /// All blobs by digest, manifests among them.
    pub blobs: HashMap<String, Blob>,
    /// Digest of the manifest or index that a tag leads to.
    pub entrance: String,
}

impl Image {
    /// Opens an OCI layout folder, an OCI archive or a Docker archive, told apart by what is in it.
    pub fn open(path: &Path) -> Result<Self> {
        let meta = fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
        let opened = if meta.is_dir() { layout::open(path) } else { archive::open(path) };
        opened.with_context(|| format!("{} is not an image", path.display()))
    }

    /// Bytes of all layers and configurations together.
    pub fn size(&self) -> u64 {
        self.blobs.values().map(Blob::length).sum()
    }

    /// Takes the entrance from an `index.json` and gives every manifest its media type.
    pub(crate) fn from_index(index: &Value, mut blobs: HashMap<String, Blob>) -> Result<Self> {
        let manifests = index["manifests"].as_array().map(Vec::as_slice).unwrap_or_default();
        let entrance = match manifests {
            [one] => one["digest"].as_str().unwrap_or_default().to_owned(),
            [] => bail!("index.json names no image"),
            many => bail!("index.json names {} images; keep one of them (`skopeo copy`)", many.len()),
        };
        if !is_digest(&entrance) {
            bail!("index.json: {entrance:?} is not a sha256 digest");
        }
        mark_manifests(&mut blobs, &entrance, manifests[0]["mediaType"].as_str())?;
        Ok(Self { blobs, entrance })
    }
}

/// Follows an index to its manifests. Platforms whose blobs are not here are left out.
fn mark_manifests(blobs: &mut HashMap<String, Blob>, digest: &str, media_type: Option<&str>) -> Result<()> {
    let blob = blobs.get(digest).with_context(|| format!("the image lacks its manifest {digest}"))?;
    let document: Value = serde_json::from_slice(&read(blob)?).with_context(|| format!("manifest {digest}"))?;
    let own_type = document["mediaType"].as_str().or(media_type);
    let is_index = document.get("manifests").is_some();
    let media_type = own_type.unwrap_or(default_type(is_index)).to_owned();
    if let Some(blob) = blobs.get_mut(digest) {
        blob.media_type = Some(media_type);
    }
    for child in document["manifests"].as_array().into_iter().flatten() {
        let digest = child["digest"].as_str().unwrap_or_default();
        // A manifest is marked once: an index that names itself must not lead us round for ever.
        if blobs.get(digest).is_some_and(|blob| blob.media_type.is_none()) {
            mark_manifests(blobs, digest, child["mediaType"].as_str())?;
        }
    }
    Ok(())
}

fn default_type(is_index: bool) -> &'static str {
    if is_index { "application/vnd.oci.image.index.v1+json" } else { "application/vnd.oci.image.manifest.v1+json" }
}

/// A small blob, whole.
fn read(blob: &Blob) -> Result<Vec<u8>> {
    if blob.length() > DOCUMENT_LIMIT {
        bail!("a manifest of {} bytes", blob.length());
    }
    match &blob.source {
        Source::Memory(bytes) => Ok(bytes.to_vec()),
        Source::File { path, offset, length } => read_part(path, *offset, *length),
    }
}

/// A part of a file. The caller has bounded `length`.
pub(crate) fn read_part(path: &Path, offset: u64, length: u64) -> Result<Vec<u8>> {
    use std::os::unix::fs::FileExt;
    let mut bytes = vec![0; usize::try_from(length).context("too long")?];
    fs::File::open(path)
        .and_then(|file| file.read_exact_at(&mut bytes, offset))
        .with_context(|| format!("cannot read {}", path.display()))?;
    Ok(bytes)
}
