//! Inputs that are Debian packages: fetched by apt (which checks Debian's signatures), checked against the lock.

use crate::cache::Cache;
use crate::hash;
use crate::lock;
use crate::manifest::Input;
use crate::stage::Stage;
use crate::tool::Tool;
use anyhow::Context;
use std::path::{Path, PathBuf};

/// A package file in the cache, and what it is.
#[derive(Debug, Clone)]
pub(crate) struct Fetched {
    pub(crate) input: Input,
    pub(crate) path: PathBuf,
    /// Why it is not the locked one, if it is not.
    pub(crate) differs: Option<String>,
}

/// What the lock asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) name: &'a str,
    pub(crate) version: &'a str,
    pub(crate) series: &'a str,
    pub(crate) sha256: &'a str,
}

/// Gets the locked package; when Debian has dropped it, the newest of its series, unless `locked` forbids that.
pub(crate) fn fetch(wanted: Wanted, cache: &Cache, locked: bool, stage: &Stage) -> anyhow::Result<Fetched> {
    let downloads = cache.downloads();
    if let Some(found) = in_cache(&downloads, wanted)? {
        return Ok(found);
    }
    let offered = offered(wanted.name)?;
    if offered.iter().any(|v| v == wanted.version) {
        let (path, sha256) = download(wanted.name, wanted.version, &downloads, cache, stage)?;
        if let Err(refusal) = lock::check(wanted.name, wanted.sha256, &sha256) {
            // What does not match must not be found by the next build either.
            let _ = std::fs::remove_file(&path);
            return Err(refusal);
        }
        return Ok(Fetched { input: input(wanted.name, wanted.version, &sha256), path, differs: None });
    }
    let version = substitute(wanted, &offered, locked)?;
    let (path, sha256) = download(wanted.name, &version, &downloads, cache, stage)?;
    let differs = format!("{} is {version}, not the locked {}, which Debian no longer has", wanted.name, wanted.version);
    stage.notice(&format!("{}: {differs}", lock::DIFFERS));
    Ok(Fetched { input: input(wanted.name, &version, &sha256), path, differs: Some(differs) })
}

/// The newest version of the series of `name` that can be fetched, whatever the lock says.
pub(crate) fn newest(wanted: Wanted, cache: &Cache, stage: &Stage) -> anyhow::Result<Input> {
    let offered = offered(wanted.name)?;
    let version = offered.iter().find(|v| v.starts_with(wanted.series));
    let version = version.with_context(|| format!("apt offers no {} {}*: is the list of packages fresh?", wanted.name, wanted.series))?;
    let (_, sha256) = download(wanted.name, version, &cache.downloads(), cache, stage)?;
    Ok(input(wanted.name, version, &sha256))
}

/// Unpacks a package into `to`.
pub(crate) fn unpack(package: &Path, to: &Path, stage: &Stage) -> anyhow::Result<()> {
    Tool::new("dpkg-deb").arg("-x").arg(package).arg(to).run(stage)
}

fn input(name: &str, version: &str, sha256: &str) -> Input {
    Input { name: name.to_owned(), version: version.to_owned(), sha256: sha256.to_owned() }
}

fn file_name(name: &str, version: &str) -> String {
    format!("{name}_{}.deb", version.replace(':', "%3a"))
}

fn in_cache(downloads: &Path, wanted: Wanted) -> anyhow::Result<Option<Fetched>> {
    let path = downloads.join(file_name(wanted.name, wanted.version));
    if !path.is_file() {
        return Ok(None);
    }
    let sha256 = hash::file(&path)?;
    if sha256 != wanted.sha256 {
        // Either the lock moved or the file was damaged: fetch it again and judge what comes.
        std::fs::remove_file(&path)?;
        return Ok(None);
    }
    Ok(Some(Fetched { input: input(wanted.name, wanted.version, &sha256), path, differs: None }))
}

/// Versions that apt can fetch now, newest first.
fn offered(name: &str) -> anyhow::Result<Vec<String>> {
    let table = Tool::new("apt-cache").args(["madison", name]).output()?;
    Ok(versions(&table))
}

/// Second column of `apt-cache madison`.
fn versions(table: &str) -> Vec<String> {
    table.lines().filter_map(|l| l.split('|').nth(1)).map(|v| v.trim().to_owned()).collect()
}

fn substitute(wanted: Wanted, offered: &[String], locked: bool) -> anyhow::Result<String> {
    let Wanted { name, version, series, .. } = wanted;
    anyhow::ensure!(
        !offered.is_empty(),
        "apt knows no package {name}: run `apt-get update`, or add the Debian release that has it to apt's sources"
    );
    anyhow::ensure!(
        !locked,
        "Debian no longer has {name} {version} and --locked allows no other; it has {}.\n\
         `./ampoule lock update {name}` moves the lock.",
        offered.join(", ")
    );
    let newest = offered.iter().find(|v| v.starts_with(series)).cloned();
    newest.with_context(|| format!("Debian no longer has {name} {version} nor any {series}*; it has {}", offered.join(", ")))
}

fn download(name: &str, version: &str, downloads: &Path, cache: &Cache, stage: &Stage) -> anyhow::Result<(PathBuf, String)> {
    let path = downloads.join(file_name(name, version));
    if !path.is_file() {
        let scratch = cache.scratch("download")?;
        Tool::new("apt-get").args(["download", &format!("{name}={version}")]).dir(scratch.path()).run(stage)?;
        let files = hash::files_below(scratch.path())?;
        let [file] = files.as_slice() else { anyhow::bail!("apt-get left {} files instead of one package", files.len()) };
        std::fs::rename(file, &path)?;
    }
    let sha256 = hash::file(&path)?;
    Ok((path, sha256))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: Wanted = Wanted { name: "linux", version: "6.12.1-1", series: "6.12.", sha256: "" };

    #[test]
    fn the_table_of_apt_is_read() {
        let table = "linux | 6.12.9-1 | http://x bookworm/main amd64 Packages\nlinux | 6.12.7-1 | http://x bookworm/main Sources\n";
        assert_eq!(versions(table), ["6.12.9-1", "6.12.7-1"]);
        assert!(versions("").is_empty());
    }

    #[test]
    fn a_dropped_version_is_replaced_by_the_newest_of_its_series_unless_locked() {
        let offered = ["6.13.1-1", "6.12.9-1", "6.12.7-1"].map(str::to_owned);
        assert_eq!(substitute(WANTED, &offered, false).expect("one"), "6.12.9-1");
        let refusal = substitute(WANTED, &offered, true).expect_err("refused").to_string();
        assert!(refusal.contains("6.12.1-1") && refusal.contains("--locked") && refusal.contains("lock update linux"), "{refusal}");
    }

    #[test]
    fn no_version_of_the_series_is_an_error() {
        assert!(substitute(WANTED, &["6.13.1-1".to_owned()], false).is_err());
        assert!(substitute(WANTED, &[], false).is_err());
    }

    #[test]
    fn a_damaged_file_in_the_cache_is_not_used() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join(file_name("linux", "6.12.1-1"));
        std::fs::write(&path, "damaged").expect("written");
        assert!(in_cache(dir.path(), WANTED).expect("read").is_none());
        assert!(!path.exists());
    }
}
