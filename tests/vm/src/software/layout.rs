//! An OCI layout written by hand, for images that no program would make: a layer of noise.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Size of a tar header and of its padding.
const BLOCK: usize = 512;

/// Writes to `folder` the image of the layout `base` (tag `test`) with one more layer: a file of `size` bytes that no
/// compression makes smaller. `size` is a multiple of 512.
pub(crate) fn add_noise(base: &Path, folder: &Path, size: u64) -> Result<()> {
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs)?;
    for entry in fs::read_dir(base.join("blobs/sha256"))?.flatten() {
        fs::copy(entry.path(), blobs.join(entry.file_name()))?;
    }
    let layer = noise_layer(&blobs, size)?;
    let mut index = read(&base.join("index.json"))?;
    let mut manifest = read(&blob_path(&blobs, &index["manifests"][0])?)?;
    let mut config = read(&blob_path(&blobs, &manifest["config"])?)?;
    append(&mut config["rootfs"]["diff_ids"], layer["digest"].clone())?;
    append(&mut manifest["layers"], layer)?;
    manifest["config"] = blob(&blobs, &config, "application/vnd.oci.image.config.v1+json")?;
    let mut entry = blob(&blobs, &manifest, "application/vnd.oci.image.manifest.v1+json")?;
    entry["annotations"] = json!({ "org.opencontainers.image.ref.name": "test" });
    index["manifests"] = json!([entry]);
    fs::write(folder.join("index.json"), index.to_string())?;
    fs::copy(base.join("oci-layout"), folder.join("oci-layout"))?;
    Ok(())
}

fn read(path: &Path) -> Result<Value> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    Ok(serde_json::from_str(&text)?)
}

fn blob_path(blobs: &Path, descriptor: &Value) -> Result<PathBuf> {
    let digest = descriptor["digest"].as_str().and_then(|text| text.strip_prefix("sha256:"));
    Ok(blobs.join(digest.context("a descriptor without digest")?))
}

fn append(list: &mut Value, item: Value) -> Result<()> {
    list.as_array_mut().context("not a list")?.push(item);
    Ok(())
}

fn blob(blobs: &Path, document: &Value, media_type: &str) -> Result<Value> {
    let bytes = document.to_string();
    let digest = ampoule_base::hex(&Sha256::digest(&bytes));
    fs::write(blobs.join(&digest), &bytes)?;
    Ok(descriptor(&digest, bytes.len() as u64, media_type))
}

fn descriptor(digest: &str, size: u64, media_type: &str) -> Value {
    json!({ "mediaType": media_type, "digest": format!("sha256:{digest}"), "size": size })
}

fn noise_layer(blobs: &Path, size: u64) -> Result<Value> {
    let temporary = blobs.join("new");
    let mut out = Hashing { hash: Sha256::new(), out: BufWriter::new(File::create(&temporary)?) };
    out.write_all(&header(size))?;
    write_noise_bytes(&mut out, size)?;
    out.write_all(&[0; 2 * BLOCK])?;
    out.flush()?;
    let digest = ampoule_base::hex(&out.hash.finalize());
    fs::rename(&temporary, blobs.join(&digest))?;
    Ok(descriptor(&digest, size + 3 * BLOCK as u64, "application/vnd.oci.image.layer.v1.tar"))
}

/// A generator's output (xorshift): the same in each run, and as good as random to a compressor.
fn write_noise_bytes(out: &mut impl Write, size: u64) -> Result<()> {
    let mut state: u64 = 0x9E37_79B9_7F4A_7C15;
    for _ in 0..size / 8 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.write_all(&state.to_le_bytes())?;
    }
    Ok(())
}

/// A ustar header of the file `noise`; `size` is a multiple of the block size.
fn header(size: u64) -> [u8; BLOCK] {
    let mut header = [0; BLOCK];
    let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, "noise");
    put(100, "0000755");
    put(108, "0000000");
    put(116, "0000000");
    put(124, &format!("{size:011o}"));
    put(136, "00000000000");
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\u{0}00");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\u{0} ").as_bytes());
    header
}

struct Hashing<W> {
    hash: Sha256,
    out: W,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}
