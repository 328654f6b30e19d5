//! Overlays: a machine writes to a file of its own, never to the image.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

/// The disk in an image folder: `disk.qcow2`, or `disk.raw` where only that was built.
pub fn image_disk(image_dir: &Path) -> Result<PathBuf> {
    ["disk.qcow2", "disk.raw"]
        .iter()
        .map(|name| image_dir.join(name))
        .find(|path| path.is_file())
        .with_context(|| format!("no disk.qcow2 or disk.raw in {}; build the image first with `./ampoule build`", image_dir.display()))
}

/// Makes `overlay` (replacing any) on top of `base`, grown to `size` bytes if that is larger.
pub fn create_overlay(base: &Path, overlay: &Path, size: Option<u64>) -> Result<()> {
    let base = base.canonicalize().with_context(|| format!("no disk image {}", base.display()))?;
    let _ = std::fs::remove_file(overlay);
    let mut command = Command::new("qemu-img");
    command.args(["create", "-q", "-f", "qcow2", "-F", format_of(&base), "-b"]);
    command.arg(&base).arg(overlay);
    if let Some(size) = size.filter(|size| *size > virtual_size(&base).unwrap_or(0)) {
        command.arg(size.to_string());
    }
    let output = command.output().context("cannot run qemu-img (Debian package qemu-utils)")?;
    if !output.status.success() {
        bail!("qemu-img create {}: {}", overlay.display(), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

fn format_of(disk: &Path) -> &'static str {
    if disk.extension().is_some_and(|end| end == "qcow2") { "qcow2" } else { "raw" }
}

fn virtual_size(disk: &Path) -> Option<u64> {
    let output = Command::new("qemu-img").args(["info", "-U", "--output=json"]).arg(disk).output().ok()?;
    let info: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    info.get("virtual-size")?.as_u64()
}
