//! Programs of others for the host, built from pinned Go modules (`tests/images/NAME/go.mod`).

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

/// The program of `package`, built from the module in the folder `module` if the cache lacks it.
pub(super) fn program(module: &Path, package: &str, cache: &Path) -> Result<PathBuf> {
    let name = module.file_name().context("a module's folder")?.to_string_lossy().into_owned();
    let sums = fs::read(module.join("go.sum")).with_context(|| format!("go.sum of {name}"))?;
    let digest = Sha256::digest(&sums);
    let key = ampoule_base::hex(&digest[..8]);
    let path = cache.join("test-images").join(format!("{name}-{key}"));
    if path.is_file() {
        return Ok(path);
    }
    fs::create_dir_all(path.parent().context("a cache folder")?)?;
    let making = path.with_extension(format!("new{}", std::process::id()));
    println!("     building {name} from its Go module (once)");
    let status = Command::new("go")
        .args(["build", "-trimpath", "-ldflags", "-s -w", "-o"])
        .arg(&making)
        .arg(package)
        .env("CGO_ENABLED", "0")
        .current_dir(module)
        .status()
        .context("go cannot be started: is it installed?")?;
    ensure!(status.success(), "go build of {name} failed");
    fs::rename(&making, &path)?;
    Ok(path)
}
