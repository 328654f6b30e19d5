//! An image from a few files: one layer, and the same bytes whenever the files are the same.

use std::{
    collections::{BTreeSet, HashMap},
    ffi::OsStr,
    os::unix::ffi::OsStrExt as _,
};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tar::{Builder, EntryType, Header};

use crate::{Blob, Image, sha256};

const CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";
const LAYER_TYPE: &str = "application/vnd.oci.image.layer.v1.tar";
const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

/// A file of the image.
#[derive(Clone, Debug)]
pub struct PackedFile {
    /// Path in the container, without the leading `/`.
    pub path: String,
    /// Its content.
    pub content: Vec<u8>,
    /// Permission bits; of what [`PackedFile::link`] makes, its kind too.
    pub mode: u32,
}

/// `S_IFMT` and `S_IFLNK` of inode(7).
const KIND: u32 = 0o170_000;
const LINK: u32 = 0o120_000;

impl PackedFile {
    /// A symbolic link.
    pub fn link(path: &str, target: &str) -> Self {
        Self { path: path.into(), content: target.into(), mode: LINK | 0o777 }
    }

    fn append(&self, builder: &mut Builder<Vec<u8>>) -> Result<()> {
        if self.mode & KIND != LINK {
            return append(builder, &self.path, EntryType::Regular, self.mode, &self.content);
        }
        let mut header = header(EntryType::Symlink, self.mode & !KIND, 0);
        let target = OsStr::from_bytes(&self.content);
        builder.append_link(&mut header, &self.path, target).with_context(|| format!("cannot pack {}", self.path))
    }
}

/// Makes an image of `files` that starts `entrypoint`. Owner root, times zero, order by path.
pub fn pack(files: &[PackedFile], entrypoint: &[&str]) -> Result<Image> {
    pack_at("/", files, entrypoint)
}

/// The same, started in `folder`.
pub fn pack_at(folder: &str, files: &[PackedFile], entrypoint: &[&str]) -> Result<Image> {
    let layer = layer(files)?;
    let layer_digest = sha256(&layer);
    let config = json!({
        "architecture": "amd64", "os": "linux",
        "config": { "Entrypoint": entrypoint, "Env": ["PATH=/"], "WorkingDir": folder },
        "rootfs": { "type": "layers", "diff_ids": [layer_digest] },
    })
    .to_string()
    .into_bytes();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST_TYPE,
        "config": descriptor(CONFIG_TYPE, &config), "layers": [descriptor(LAYER_TYPE, &layer)],
    })
    .to_string()
    .into_bytes();
    let entrance = sha256(&manifest);
    let manifest_blob = Blob { media_type: Some(MANIFEST_TYPE.into()), ..Blob::memory(manifest) };
    let blobs =
        HashMap::from([(layer_digest, Blob::memory(layer)), (sha256(&config), Blob::memory(config)), (entrance.clone(), manifest_blob)]);
    Ok(Image { blobs, entrance })
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": sha256(bytes), "size": bytes.len() })
}

fn layer(files: &[PackedFile]) -> Result<Vec<u8>> {
    let mut builder = Builder::new(Vec::new());
    for folder in folders(files) {
        append(&mut builder, &format!("{folder}/"), EntryType::Directory, 0o755, &[])?;
    }
    let mut sorted: Vec<&PackedFile> = files.iter().collect();
    sorted.sort_by(|a, b| a.path.cmp(&b.path));
    for file in sorted {
        file.append(&mut builder)?;
    }
    builder.into_inner().context("cannot finish the layer")
}

fn folders(files: &[PackedFile]) -> BTreeSet<&str> {
    files.iter().flat_map(|file| file.path.match_indices('/').map(|(end, _)| &file.path[..end])).collect()
}

fn header(kind: EntryType, mode: u32, size: usize) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size as u64);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}

fn append(builder: &mut Builder<Vec<u8>>, path: &str, kind: EntryType, mode: u32, content: &[u8]) -> Result<()> {
    let mut header = header(kind, mode, content.len());
    builder.append_data(&mut header, path, content).with_context(|| format!("cannot pack {path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str) -> PackedFile {
        PackedFile { path: path.into(), content: b"x".to_vec(), mode: 0o755 }
    }

    #[test]
    fn order_of_files_does_not_matter() {
        let one = pack(&[file("a/b/c"), file("d")], &["/d"]).unwrap();
        let two = pack(&[file("d"), file("a/b/c")], &["/d"]).unwrap();
        assert_eq!(one.entrance, two.entrance);
    }

    #[test]
    fn a_link_leads_where_it_is_told() {
        let layer = layer(&[PackedFile::link("data", "/../../etc"), file("d")]).unwrap();
        let mut archive = tar::Archive::new(&layer[..]);
        let entries: Vec<_> = archive.entries().unwrap().map(Result::unwrap).collect();
        assert_eq!(entries[0].header().entry_type(), EntryType::Regular);
        assert_eq!(entries[1].header().entry_type(), EntryType::Symlink);
        assert_eq!(entries[1].link_name().unwrap().unwrap().as_os_str(), "/../../etc");
    }

    #[test]
    fn content_matters() {
        let other = PackedFile { content: b"y".to_vec(), ..file("d") };
        assert_ne!(pack(&[file("d")], &["/d"]).unwrap().entrance, pack(&[other], &["/d"]).unwrap().entrance);
    }
}
