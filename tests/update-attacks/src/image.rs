//! Images of a few blocks: valid in all that updates look at, and nothing that boots.

use std::fs;
use std::path::Path;

use ampoule_layout::{CommandLine, RootHash, VerityTable};
use ampoule_update::tree::{self, BLOCK, HASH};
use anyhow::Result;

/// What a tiny image is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tiny<'a> {
    /// Version.
    pub version: &'a str,
    /// A block of the root for each number; equal numbers are equal blocks.
    pub blocks: &'a [u8],
    /// What stands for the kernel, within a file that firmware would start.
    pub kernel: &'a [u8],
    /// What stands for the boot loader, within such a file as well.
    pub loader: &'a [u8],
}

/// Writes the files of an image, as the builder does, into the new folder `dir`: `root.erofs` (no file system in it), `root.verity`,
/// `ampoule.efi`, `loader.efi` and `manifest.json`, of the variant `standalone` for `x86_64`.
///
/// # Errors
/// It cannot be written.
pub fn tiny_image(dir: &Path, tiny: &Tiny) -> Result<RootHash> {
    fs::create_dir_all(dir)?;
    let root: Vec<u8> = tiny.blocks.iter().flat_map(|number| [*number; BLOCK]).collect();
    let (tree, root_hash) = hash_tree(&root);
    let line = CommandLine::new(VerityTable::for_image(root_hash, tiny.blocks.len() as u64)).to_string();
    let os_release = format!("NAME=Ampoule\nID=ampoule\nVERSION_ID={}\nVARIANT_ID=standalone\n", tiny.version);
    fs::write(dir.join("root.erofs"), &root)?;
    fs::write(dir.join("root.verity"), &tree)?;
    let kernel = pe(&[(".text", tiny.kernel)]);
    fs::write(dir.join("ampoule.efi"), pe(&[(".osrel", os_release.as_bytes()), (".cmdline", line.as_bytes()), (".linux", &kernel)]))?;
    fs::write(dir.join("loader.efi"), pe(&[(".text", tiny.loader)]))?;
    fs::write(dir.join("manifest.json"), manifest(tiny.version, root_hash).to_string())?;
    Ok(root_hash)
}

fn manifest(version: &str, root_hash: RootHash) -> serde_json::Value {
    serde_json::json!({
        "format": 1, "variant": "standalone", "version": version, "build-id": "0", "architecture": "x86_64", "kernel": "6",
        "root-hash": root_hash.to_string(), "services": [], "executables": [], "modules": [], "packages": [], "differs-from-lock": [],
        "files": {},
        "sizes": { "root": 1, "root-contents": 1, "verity": 1, "uki": 1, "disk": 1, "disk-allocated": 1, "qcow2": 1 },
    })
}

/// The dm-verity tree over `data` as `veritysetup` writes it, and its root.
pub fn hash_tree(data: &[u8]) -> (Vec<u8>, RootHash) {
    let mut level: Vec<[u8; HASH]> = data.chunks(BLOCK).map(tree::hash).collect();
    let mut levels = Vec::new();
    while level.len() > 1 {
        let mut bytes = level.concat();
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        level = bytes.chunks(BLOCK).map(tree::hash).collect();
        levels.push(bytes);
    }
    let mut all = superblock((data.len() / BLOCK) as u64);
    levels.into_iter().rev().for_each(|bytes| all.extend(bytes));
    (all, RootHash::from_bytes(level[0]))
}

/// `struct verity_sb` of veritysetup.
fn superblock(blocks: u64) -> Vec<u8> {
    let mut block = vec![0; BLOCK];
    let size = (BLOCK as u32).to_le_bytes();
    let fields: [(usize, &[u8]); 9] = [
        (0, b"verity\0\0"),
        (8, &1u32.to_le_bytes()),
        (12, &1u32.to_le_bytes()),
        (32, b"sha256"),
        (64, &size),
        (68, &size),
        (72, &blocks.to_le_bytes()),
        (80, &32u16.to_le_bytes()),
        (88, &tree::salt()),
    ];
    fields.into_iter().for_each(|(at, bytes)| block[at..at + bytes.len()].copy_from_slice(bytes));
    block
}

const ALIGNMENT: usize = 512;
const OPTIONAL: usize = 240;
const PAGE: u32 = 0x1000;

/// A PE32+ file with nothing but these sections (PE/COFF specification, sections 3 and 4).
fn pe(sections: &[(&str, &[u8])]) -> Vec<u8> {
    let mut file = vec![0; 0x40];
    file[..2].copy_from_slice(b"MZ");
    file[0x3c] = 0x40;
    file.extend(b"PE\0\0");
    file.extend(0x8664u16.to_le_bytes());
    file.extend((sections.len() as u16).to_le_bytes());
    file.extend([0; 12]);
    file.extend((OPTIONAL as u16).to_le_bytes());
    file.extend(0x22u16.to_le_bytes());
    let size = |bytes: &[u8]| (bytes.len() as u32).next_multiple_of(PAGE).max(PAGE);
    file.extend(optional_header(PAGE + sections.iter().map(|(_, bytes)| size(bytes)).sum::<u32>()));
    let mut at = ALIGNMENT.max((file.len() + 40 * sections.len()).next_multiple_of(ALIGNMENT));
    let mut address = PAGE;
    for (name, bytes) in sections {
        let raw = bytes.len().next_multiple_of(ALIGNMENT);
        let mut padded = [0; 8];
        padded[..name.len()].copy_from_slice(name.as_bytes());
        file.extend(padded);
        let fields = [bytes.len() as u32, address, raw as u32, at as u32, 0, 0, 0, 0x4000_0040];
        fields.into_iter().for_each(|field| file.extend(field.to_le_bytes()));
        at += raw;
        address += size(bytes);
    }
    for (_, bytes) in sections {
        file.resize(file.len().next_multiple_of(ALIGNMENT), 0);
        file.extend(*bytes);
    }
    file.resize(file.len().next_multiple_of(ALIGNMENT), 0);
    file
}

/// Of an EFI application that begins at the start of its first section.
fn optional_header(image: u32) -> Vec<u8> {
    let mut header = vec![0; OPTIONAL];
    let fields: [(usize, &[u8]); 8] = [
        (0, &0x20bu16.to_le_bytes()),
        (16, &PAGE.to_le_bytes()),
        (32, &0x1000u32.to_le_bytes()),
        (36, &(ALIGNMENT as u32).to_le_bytes()),
        (56, &image.to_le_bytes()),
        (60, &(ALIGNMENT as u32).to_le_bytes()),
        (68, &10u16.to_le_bytes()),
        (108, &16u32.to_le_bytes()),
    ];
    fields.into_iter().for_each(|(at, bytes)| header[at..at + bytes.len()].copy_from_slice(bytes));
    header
}
