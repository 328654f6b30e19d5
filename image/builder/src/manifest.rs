//! What an image says about itself: `manifest.json`.

use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Contents of `manifest.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Manifest {
    /// Version of this format; grows when a field changes its meaning.
    pub format: u32,
    /// Name of the variant.
    pub variant: String,
    /// Version of the system, as in `VERSION_ID`.
    pub version: String,
    /// Hash over everything the root is made from, as in `BUILD_ID`.
    pub build_id: String,
    /// Processor architecture in Linux' words.
    pub architecture: String,
    /// Version of the kernel, as `uname -r` prints it.
    pub kernel: String,
    /// Root of the hash tree, in hexadecimal: what the kernel's command line names.
    pub root_hash: String,
    /// Sizes in bytes.
    pub sizes: Sizes,
    /// Services in the image, by name.
    pub services: Vec<String>,
    /// Programs that can be executed on the node.
    pub executables: Vec<Executable>,
    /// What its versions and those before it changed in the form of settings.
    #[serde(default)]
    pub migrations: Vec<ampoule_migrate::Migration>,
    /// Names of the loadable kernel modules.
    pub modules: Vec<String>,
    /// What the image is made from.
    pub packages: Vec<Package>,
    /// Inputs that are not the locked ones, each in a sentence. Empty for a release.
    pub differs_from_lock: Vec<String>,
    /// SHA-256 of each file of the image whose bytes are reproducible.
    pub files: std::collections::BTreeMap<String, String>,
}

/// Sizes in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Sizes {
    /// The root file system, compressed.
    pub root: u64,
    /// The files in it, as a program reads them.
    pub root_contents: u64,
    /// Its hash tree.
    pub verity: u64,
    /// The kernel image that the firmware starts.
    pub uki: u64,
    /// The disk, with its holes.
    pub disk: u64,
    /// What the raw disk takes on this machine.
    pub disk_allocated: u64,
    /// The qcow2 file.
    pub qcow2: u64,
}

/// A program in the root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Executable {
    /// Path on the node.
    pub path: String,
    /// Size in bytes.
    pub size: u64,
    /// Needs no loader and no shared library.
    pub is_static: bool,
    /// Runs at any address.
    pub pie: bool,
    /// Relocations are read-only before the program runs, all of them.
    pub full_relro: bool,
    /// Its stack is not executable.
    pub nx: bool,
    /// No part of it is both writable and executable, and its code is loaded as it is.
    #[serde(default)]
    pub fixed_code: bool,
    /// Has the set-user-id or set-group-id bit.
    pub setuid: bool,
}

/// Something the image is made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Package {
    /// Name of its recipe.
    pub name: String,
    /// Version of what was built.
    pub version: String,
    /// SPDX expression.
    pub licence: String,
    /// One line for a person.
    pub summary: String,
    /// Cache key: hash of recipe, inputs and tools.
    pub key: String,
    /// Inputs from outside, and what the toolchain of the machine that built it puts into programs.
    pub inputs: Vec<Input>,
}

/// Something from outside that a package was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Input {
    /// Name in the lock file.
    pub name: String,
    /// Version that was used.
    pub version: String,
    /// SHA-256 of the file that was used; of a part of the toolchain, over the names and hashes of its files.
    pub sha256: String,
}

/// Reads the manifest of the image in `dir`.
///
/// # Errors
/// When there is no image or its manifest is of another version of this program.
pub fn inspect(dir: &Path) -> anyhow::Result<Manifest> {
    let path = dir.join("manifest.json");
    let text = std::fs::read_to_string(&path).with_context(|| format!("no image in {}: build one first", dir.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not a manifest; build the image again", path.display()))
}
