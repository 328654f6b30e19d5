//! Image archives: an OCI layout in a tar file, or what `docker save` writes. Read in place.

use std::{
    collections::HashMap,
    fs::File,
    io::{BufReader, Read},
    path::{Component, Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    Blob, Image, Source,
    digest::{is_digest, of, sha256},
    image::{DOCUMENT_LIMIT, read_part},
};

/// Where each member lies: offset and length.
type Members = HashMap<PathBuf, (u64, u64)>;

pub(crate) fn open(path: &Path) -> Result<Image> {
    let members = members(path)?;
    if members.contains_key(Path::new("index.json")) {
        return oci(path, &members);
    }
    if members.contains_key(Path::new("manifest.json")) {
        return docker(path, &members);
    }
    bail!("neither index.json (OCI) nor manifest.json (Docker) in the archive; compressed archives must be unpacked first")
}

fn members(path: &Path) -> Result<Members> {
    let file = File::open(path).context("cannot open the archive")?;
    let mut archive = tar::Archive::new(file);
    let mut found = Members::new();
    let mut links = Vec::new();
    for entry in archive.entries_with_seek().context("not a tar file")? {
        let entry = entry.context("not a whole tar file")?;
        let name = clean(&entry.path().context("a member's name")?);
        if let Some(target) = entry.link_name().ok().flatten() {
            // Docker writes a layer that occurs twice as a link, relative to the member's folder.
            let folder = name.parent().unwrap_or(Path::new("")).to_owned();
            links.push((name, clean(&folder.join(target))));
        } else {
            found.insert(name, (entry.raw_file_position(), entry.size()));
        }
    }
    for (name, target) in links {
        if let Some(place) = found.get(&target).copied() {
            found.insert(name, place);
        }
    }
    Ok(found)
}

/// `./a/../b` → `b`.
fn clean(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut out, part| {
        match part {
            Component::Normal(name) => out.push(name),
            Component::ParentDir => drop(out.pop()),
            _ => {}
        }
        out
    })
}

fn oci(path: &Path, members: &Members) -> Result<Image> {
    let index = document(path, members, "index.json")?;
    let blobs = members.iter().filter_map(|(name, (offset, length))| {
        let hex = name.strip_prefix("blobs/sha256").ok()?.to_str()?;
        let digest = format!("sha256:{hex}");
        is_digest(&digest).then(|| (digest, part(path, *offset, *length)))
    });
    Image::from_index(&index, blobs.collect())
}

/// A Docker archive holds no registry manifest, so one is written from its parts.
fn docker(path: &Path, members: &Members) -> Result<Image> {
    let list = document(path, members, "manifest.json")?;
    let entry = match list.as_array().map(Vec::as_slice) {
        Some([one]) => one,
        _ => bail!("manifest.json must name exactly one image"),
    };
    let mut blobs = HashMap::new();
    let config_name = entry["Config"].as_str().context("manifest.json: no Config")?;
    let config = add(path, members, config_name, &mut blobs)?;
    let mut layers = Vec::new();
    for name in entry["Layers"].as_array().context("manifest.json: no Layers")? {
        let name = name.as_str().context("manifest.json: a layer without name")?;
        layers.push(add(path, members, name, &mut blobs)?);
    }
    Ok(with_manifest(blobs, config, layers))
}

fn with_manifest(mut blobs: HashMap<String, Blob>, config: Value, layers: Vec<Value>) -> Image {
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    let manifest = json!({ "schemaVersion": 2, "mediaType": media_type, "config": config, "layers": layers });
    let bytes = manifest.to_string().into_bytes();
    let entrance = sha256(&bytes);
    let blob = Blob { media_type: Some(media_type.into()), ..Blob::memory(bytes) };
    blobs.insert(entrance.clone(), blob);
    Image { blobs, entrance }
}

/// Adds a member as a blob and returns its descriptor.
fn add(path: &Path, members: &Members, name: &str, blobs: &mut HashMap<String, Blob>) -> Result<Value> {
    let place = members.get(&clean(Path::new(name)));
    let (offset, length) = *place.with_context(|| format!("the archive lacks {name}"))?;
    let digest = digest_of_part(path, offset, length)?;
    blobs.insert(digest.clone(), part(path, offset, length));
    let media_type = media_type(path, offset, length)?;
    Ok(json!({ "mediaType": media_type, "digest": digest, "size": length }))
}

/// Docker names configuration and layers alike in its newer archives, so the first bytes tell.
fn media_type(path: &Path, offset: u64, length: u64) -> Result<&'static str> {
    Ok(match read_part(path, offset, length.min(2))?.as_slice() {
        [b'{', _] => "application/vnd.oci.image.config.v1+json",
        [0x1f, 0x8b] => "application/vnd.oci.image.layer.v1.tar+gzip",
        _ => "application/vnd.oci.image.layer.v1.tar",
    })
}

fn digest_of_part(path: &Path, offset: u64, length: u64) -> Result<String> {
    use std::io::Seek;
    let mut file = File::open(path).context("cannot open the archive")?;
    file.seek(std::io::SeekFrom::Start(offset)).context("the archive is cut short")?;
    let mut reader = BufReader::with_capacity(1 << 20, file.take(length));
    let mut hash = Sha256::new();
    std::io::copy(&mut reader, &mut hash).context("cannot read the archive")?;
    Ok(of(hash.finalize().as_slice()))
}

fn part(path: &Path, offset: u64, length: u64) -> Blob {
    let source = Source::File { path: path.to_owned(), offset, length };
    Blob { source, media_type: None }
}

fn document(path: &Path, members: &Members, name: &str) -> Result<Value> {
    let (offset, length) = members[Path::new(name)];
    if length > DOCUMENT_LIMIT {
        bail!("{name} has {length} bytes");
    }
    serde_json::from_slice(&read_part(path, offset, length)?).with_context(|| name.to_owned())
}
