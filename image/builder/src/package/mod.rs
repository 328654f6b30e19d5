//! Packages: from a recipe and pinned inputs to a directory in the cache.
//!
//! An artifact has `root/` (goes into the root file system), `boot/` (goes into the image beside it) and
//! `components.json` (third-party parts compiled in, for the SBOM).

mod boot_loader;
mod cargo;
mod certificates;
pub(crate) mod crates;
mod golang;
mod kernel;

use crate::cache::Cache;
use crate::debian::{self, Fetched, Wanted};
use crate::hash::Facts;
use crate::licence::{self, Component};
use crate::lock::{Lock, Locked};
use crate::manifest::{Input, Package};
use crate::recipe::{Build, Recipe};
use crate::stage::{Made, Stage};
use crate::tool::Tool;
use anyhow::Context as _;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What every package build needs to know.
pub(crate) struct Workshop<'a> {
    pub(crate) repo: &'a Path,
    pub(crate) cache: &'a Cache,
    pub(crate) lock: &'a Lock,
    pub(crate) locked: bool,
    /// Version of our own programs.
    pub(crate) version: &'a str,
}

/// A package in the cache.
#[derive(Debug, Clone)]
pub(crate) struct Built {
    pub(crate) dir: PathBuf,
    pub(crate) package: Package,
    pub(crate) components: Vec<Component>,
    /// Inputs that are not the locked ones.
    pub(crate) differs: Vec<String>,
}

/// Inputs of one package, at hand.
pub(crate) struct Inputs {
    /// Debian packages by name.
    files: BTreeMap<String, PathBuf>,
    used: Vec<Input>,
    differs: Vec<String>,
}

/// Grows whenever the code of a step changes what it makes, so that old artifacts are not taken for new ones.
const REVISION: u32 = 1;

impl Workshop<'_> {
    /// The package of `recipe`, from the cache if it was made before from the same things.
    pub(crate) fn obtain(&self, recipe: &Recipe, stage: &Stage) -> anyhow::Result<Made<Built>> {
        golang::check_lock(self, recipe)?;
        crates::check_lock(self, recipe)?;
        let promised = Inputs::promised(self.lock, &recipe.body.inputs)?;
        let key = self.key(recipe, &promised)?;
        if let Some(dir) = self.cache.made(&recipe.name, &key) {
            return Ok(Made { value: self.describe(recipe, dir, key, promised)?, from_cache: true });
        }
        // Only now is anything fetched; what comes may be another version than the lock promised.
        let inputs = self.fetch(recipe, stage)?;
        let key = self.key(recipe, &inputs)?;
        let (dir, from_cache) = self.cache.artifact(&recipe.name, &key, |out| self.make(recipe, &inputs, out, stage))?;
        Ok(Made { value: self.describe(recipe, dir, key, inputs)?, from_cache })
    }

    fn key(&self, recipe: &Recipe, inputs: &Inputs) -> anyhow::Result<String> {
        let mut facts = Facts::default();
        facts.add("revision", REVISION.to_string()).add("recipe", &recipe.text);
        for input in &inputs.used {
            facts.add(&input.name, &input.version).add("sha256", &input.sha256);
        }
        match &recipe.body.build {
            Build::Kernel { fragment, .. } => kernel::facts(&recipe.dir.join(fragment), &mut facts)?,
            Build::Go { libraries, .. } => golang::facts(&recipe.dir, !libraries.is_empty(), &mut facts)?,
            Build::Crate { .. } => crates::facts(&recipe.dir, &mut facts)?,
            Build::CargoWorkspace { sources, .. } => cargo::facts(self.repo, sources, &mut facts)?,
            Build::BootLoader { sources, .. } => boot_loader::facts(self.repo, sources, &mut facts)?,
            Build::CertificateBundle { .. } => {}
        }
        Ok(facts.finish())
    }

    fn make(&self, recipe: &Recipe, inputs: &Inputs, out: &Path, stage: &Stage) -> anyhow::Result<()> {
        // Beside what is made: so whoever cleans up after a killed build removes both.
        let source = &out.with_file_name("source");
        std::fs::create_dir(source)?;
        for file in inputs.files.values() {
            debian::unpack(file, source, stage)?;
        }
        match &recipe.body.build {
            Build::Kernel { archive, fragment } => kernel::make(&source.join(archive), &recipe.dir.join(fragment), source, out, stage),
            Build::Go { .. } => golang::make(self, recipe, source, out, stage),
            Build::Crate { programs, environment } => crates::make(recipe, programs, environment, out, stage),
            Build::CargoWorkspace { programs, links, .. } => cargo::make(self, programs, links, out, stage),
            Build::BootLoader { program, carries, loader, files, .. } => {
                pick(files, source, out)?;
                boot_loader::make(self, program, &source.join(carries), &out.join(loader), stage)?;
                licence::write(&out.join("components.json"), boot_loader::components(self.repo, program)?)
            }
            Build::CertificateBundle { certificates, bundle } => certificates::make(&source.join(certificates), &out.join(bundle)),
        }
    }

    fn fetch(&self, recipe: &Recipe, stage: &Stage) -> anyhow::Result<Inputs> {
        let mut inputs = Inputs::promised(self.lock, &recipe.body.inputs)?;
        for used in &mut inputs.used {
            if let Some(wanted) = wanted(self.lock, &used.name)? {
                let Fetched { input, path, differs } = debian::fetch(wanted, self.cache, self.locked, stage)?;
                inputs.files.insert(used.name.clone(), path);
                inputs.differs.extend(differs);
                *used = input;
            }
        }
        Ok(inputs)
    }

    fn describe(&self, recipe: &Recipe, dir: PathBuf, key: String, inputs: Inputs) -> anyhow::Result<Built> {
        let version = inputs.used.first().map_or(self.version, |i| i.version.as_str()).to_owned();
        let package = Package {
            name: recipe.name.clone(),
            version,
            licence: recipe.body.licence.clone(),
            summary: recipe.body.summary.clone(),
            key,
            inputs: inputs.used,
        };
        let components = licence::read(&dir.join("components.json"))?;
        Ok(Built { dir, package, components, differs: inputs.differs })
    }
}

impl Inputs {
    /// The inputs as the lock names them, nothing fetched.
    fn promised(lock: &Lock, names: &[String]) -> anyhow::Result<Self> {
        let promise = |name: &String| {
            let locked = lock.get(name)?;
            Ok(Input { name: name.clone(), version: locked.version().to_owned(), sha256: locked.sha256().to_owned() })
        };
        let used = names.iter().map(promise).collect::<anyhow::Result<_>>()?;
        Ok(Self { files: BTreeMap::new(), used, differs: Vec::new() })
    }
}

/// What to fetch for the lock's entry `name`; nothing for a Go module or a crate, which their tools fetch by themselves.
pub(crate) fn wanted<'a>(lock: &'a Lock, name: &'a str) -> anyhow::Result<Option<Wanted<'a>>> {
    Ok(match lock.get(name)? {
        Locked::Debian { version, series, sha256 } => Some(Wanted { name, version, series, sha256 }),
        Locked::Go { .. } | Locked::Crate { .. } => None,
    })
}

/// First line of what a tool says about its version.
fn version_of(tool: &'static str, arg: &str) -> anyhow::Result<String> {
    let text = Tool::new(tool).arg(arg).output()?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// The C library of the host, which every program has in it.
fn c_library() -> anyhow::Result<Component> {
    let text = version_of("ldd", "--version")?;
    let version = release_of(&text).with_context(|| format!("ldd does not say which C library there is: {text}"))?.to_owned();
    let purl = format!("pkg:generic/glibc@{version}");
    Ok(Component { name: "glibc".to_owned(), version, licence: "LGPL-2.1-or-later".to_owned(), purl })
}

/// The distribution's release in `ldd (Debian GLIBC 2.36-9+deb12u10) 2.36`, or the number after it.
fn release_of(text: &str) -> Option<&str> {
    let inside = text.split_once('(').and_then(|(_, rest)| rest.split_once(')'));
    let release = inside.and_then(|(words, _)| words.rsplit(' ').next()).filter(|r| r.starts_with(|c: char| c.is_ascii_digit()));
    release.or_else(|| text.rsplit(' ').next()).filter(|v| !v.is_empty())
}

/// Copies single files of an unpacked package.
fn pick(files: &BTreeMap<String, PathBuf>, source: &Path, out: &Path) -> anyhow::Result<()> {
    for (from, to) in files {
        let to = out.join(to);
        make_parent(&to)?;
        std::fs::copy(source.join(from), &to).with_context(|| format!("the Debian package has no file {from}"))?;
    }
    Ok(())
}

/// Makes the directory that `path` lies in.
pub(crate) fn make_parent(path: &Path) -> anyhow::Result<()> {
    let parent = path.parent().with_context(|| format!("{} has no parent", path.display()))?;
    std::fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_of_the_c_library_is_found() {
        assert_eq!(release_of("ldd (Debian GLIBC 2.36-9+deb12u10) 2.36"), Some("2.36-9+deb12u10"));
        assert_eq!(release_of("ldd (GNU libc) 2.41"), Some("2.41"));
        assert_eq!(release_of(""), None);
    }
}
