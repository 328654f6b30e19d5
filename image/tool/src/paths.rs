//! Where things are on this machine.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

/// The checkout: given by the script, else the folder above the current one that holds the workspace.
pub(crate) fn repo() -> Result<PathBuf> {
    if let Some(dir) = folder("AMPOULE_REPO") {
        return Ok(dir);
    }
    let here = env::current_dir().context("no current folder")?;
    let found = here.ancestors().find(|dir| dir.join("image/tool/Cargo.toml").is_file());
    match found {
        Some(dir) => Ok(dir.to_owned()),
        None => bail!("not inside a checkout of Ampoule; start it as ./ampoule"),
    }
}

/// Finished images: `out/VARIANT` in the checkout.
pub(crate) fn image(variant: &str) -> Result<PathBuf> {
    Ok(repo()?.join("out").join(variant))
}

/// What can be made again: packages, compiled programs, test images.
pub(crate) fn cache() -> PathBuf {
    ampoule_builder::default_cache()
}

/// Compiled programs of the host side. In the cache, so that a fresh clone at the same place finds them again; the script names the
/// folder of this checkout.
pub(crate) fn target() -> PathBuf {
    folder("CARGO_TARGET_DIR").unwrap_or_else(|| cache().join("target"))
}

/// What cannot be made again: nodes, their keys, logs of runs.
pub(crate) fn state() -> PathBuf {
    folder("XDG_STATE_HOME")
        .or_else(|| folder("HOME").map(|home| home.join(".local/state")))
        .unwrap_or_else(|| Path::new("/var/tmp").to_owned())
        .join("ampoule")
}

/// The folder of one local node.
pub(crate) fn node(name: &str) -> PathBuf {
    state().join("nodes").join(name)
}

/// Logs of what this program has run.
pub(crate) fn logs() -> PathBuf {
    state().join("logs")
}

fn folder(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
}
