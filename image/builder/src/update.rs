//! Moving the lock.

use crate::cache::Cache;
use crate::debian;
use crate::hash;
use crate::lock::{self, Lock, Locked};
use crate::package;
use crate::progress::Progress;
use crate::stage::{Made, Stage};
use crate::tool::Tool;
use anyhow::Context;
use std::path::{Path, PathBuf};

/// An input whose lock moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockChange {
    /// Name of the input.
    pub name: String,
    /// What the lock named before: version and hash.
    pub old: String,
    /// What it names now.
    pub new: String,
}

/// Moves the lock of the input `name` (or of `all`) to the newest of its series and writes `image/lock.toml`.
/// Inputs that are the newest already are not in the answer.
///
/// # Errors
/// When there is no such input, or it cannot be fetched.
pub fn lock_update(repo: &Path, cache: &Path, name: &str, progress: &dyn Progress) -> anyhow::Result<Vec<LockChange>> {
    let lock = Lock::read(repo)?;
    let cache = Cache::open(cache)?;
    let names: Vec<&str> = if name == "all" { lock.names().collect() } else { vec![name] };
    let mut changes = Vec::new();
    for name in names {
        let locked = lock.get(name)?;
        let (version, sha256) = Stage::run(progress, &cache, &format!("lock-{name}"), "the newest of its series", |stage| {
            Ok(Made::now(newest(repo, &lock, name, locked, &cache, stage)?))
        })?;
        if (version.as_str(), sha256.as_str()) != (locked.version(), locked.sha256()) {
            write(repo, name, &version, &sha256)?;
            let old = format!("{} {}", locked.version(), locked.sha256());
            changes.push(LockChange { name: name.to_owned(), old, new: format!("{version} {sha256}") });
        }
    }
    Ok(changes)
}

fn newest(repo: &Path, lock: &Lock, name: &str, locked: &Locked, cache: &Cache, stage: &Stage) -> anyhow::Result<(String, String)> {
    if let Some(wanted) = package::wanted(lock, name)? {
        let input = debian::newest(wanted, cache, stage)?;
        return Ok((input.version, input.sha256));
    }
    let recipe = recipe_with(repo, name)?;
    match locked {
        Locked::Go { module, .. } => newest_module(&recipe, module, stage),
        Locked::Crate { .. } => newest_crate(&recipe, name, stage),
        Locked::Debian { .. } => anyhow::bail!("{name} is a Debian package without a version"),
    }
}

/// Lets Cargo move everything as far as the manifest allows, then pins what it wrote.
fn newest_crate(recipe: &Path, name: &str, stage: &Stage) -> anyhow::Result<(String, String)> {
    Tool::new("cargo").dir(recipe).args(["update"]).run(stage)?;
    let lock = recipe.join("Cargo.lock");
    Ok((package::crates::version_in(&lock, name)?, hash::file(&lock)?))
}

/// Lets Go move its own two files, then pins what it wrote.
fn newest_module(recipe: &Path, module: &str, stage: &Stage) -> anyhow::Result<(String, String)> {
    for args in [&["get", &format!("{module}@latest")][..], &["mod", "tidy"]] {
        Tool::new("go").dir(recipe).args(args).env("GOENV", "off").env("GOWORK", "off").env("GOFLAGS", "-mod=mod").run(stage)?;
    }
    let version = Tool::new("go").dir(recipe).args(["list", "-m", "-f", "{{.Version}}", module]).env("GOFLAGS", "-mod=mod").output()?;
    Ok((version.trim().to_owned(), hash::file(&recipe.join("go.sum"))?))
}

/// The recipe whose first input is `name`.
fn recipe_with(repo: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let packages = repo.join("image/packages");
    for entry in std::fs::read_dir(&packages)? {
        let package = entry?.file_name().to_string_lossy().into_owned();
        let recipe = crate::recipe::Recipe::read(&packages, &package);
        if let Some(recipe) = recipe.ok().filter(|r| r.body.inputs.first().is_some_and(|i| i == name)) {
            return Ok(recipe.dir);
        }
    }
    anyhow::bail!("no recipe has {name} as its first input")
}

fn write(repo: &Path, name: &str, version: &str, sha256: &str) -> anyhow::Result<()> {
    let path = repo.join("image/lock.toml");
    let text = lock::moved(&std::fs::read_to_string(&path)?, name, version, sha256)?;
    let mut file = tempfile::NamedTempFile::new_in(repo.join("image"))?;
    std::io::Write::write_all(&mut file, text.as_bytes())?;
    std::fs::set_permissions(file.path(), std::fs::metadata(&path)?.permissions())?;
    file.persist(&path).map(drop).context("cannot replace image/lock.toml")
}
