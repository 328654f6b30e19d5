//! One file with all certificate authorities.

use super::make_parent;
use crate::hash;
use anyhow::Context;
use std::path::Path;

/// Joins the certificates of `dir`, sorted by name, each under its name.
pub(super) fn make(dir: &Path, bundle: &Path) -> anyhow::Result<()> {
    let mut text = String::new();
    for path in hash::files_below(dir)?.iter().filter(|p| p.extension().is_some_and(|e| e == "crt")) {
        let pem = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        text.push_str(&format!("# {name}\n{}\n", pem.trim_end()));
    }
    anyhow::ensure!(text.contains("-----BEGIN CERTIFICATE-----"), "{} has no certificates", dir.display());
    make_parent(bundle)?;
    Ok(std::fs::write(bundle, text)?)
}
