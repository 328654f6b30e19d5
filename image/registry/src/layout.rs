//! OCI layout folders: `index.json` and `blobs/sha256/HEX`.

use std::{collections::HashMap, fs, path::Path};

use anyhow::{Context, Result, bail};

use crate::{
    Blob, Image, Source,
    digest::is_digest,
    image::{DOCUMENT_LIMIT, read_part},
};

pub(crate) fn open(dir: &Path) -> Result<Image> {
    let index_path = dir.join("index.json");
    let length = fs::metadata(&index_path).context("no index.json in the folder")?.len();
    if length > DOCUMENT_LIMIT {
        bail!("index.json has {length} bytes");
    }
    let index = serde_json::from_slice(&read_part(&index_path, 0, length)?).context("index.json")?;
    Image::from_index(&index, blobs(&dir.join("blobs/sha256"))?)
}

fn blobs(dir: &Path) -> Result<HashMap<String, Blob>> {
    let entries = fs::read_dir(dir).context("no blobs/sha256 in the folder")?;
    let mut found = HashMap::new();
    for entry in entries {
        let entry = entry.context("blobs/sha256")?;
        let digest = format!("sha256:{}", entry.file_name().to_string_lossy());
        if is_digest(&digest) {
            let length = entry.metadata().context("blobs/sha256")?.len();
            let source = Source::File { path: entry.path(), offset: 0, length };
            found.insert(digest, Blob { source, media_type: None });
        }
    }
    Ok(found)
}
