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
use crate::host::{Host, Part};
use crate::licence::{self, Component};
use crate::lock::{Lock, Locked};
use crate::manifest::{Input, Package};
use crate::recipe::{Build, Recipe};
use crate::stage::{Made, Stage};
use anyhow::Context as _;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What every package build needs to know.
pub(crate) struct Workshop<'a> {
    pub(crate) repo: &'a Path,
    pub(crate) cache: &'a Cache,
    pub(crate) lock: &'a Lock,
    /// What this machine's toolchain puts into programs.
    pub(crate) host: &'a Host,
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
        let promised = self.promised(recipe)?;
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

    /// The inputs as the lock names them, nothing fetched, and what the toolchain adds to them.
    fn promised(&self, recipe: &Recipe) -> anyhow::Result<Inputs> {
        let mut inputs = Inputs::promised(self.lock, &recipe.body.inputs)?;
        let parts = parts(&recipe.body.build);
        inputs.used.extend(self.host.inputs(parts)?);
        inputs.differs.extend(self.host.differences(parts).map(str::to_owned));
        Ok(inputs)
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
            Build::Crate { programs, environment } => crates::make(self, recipe, programs, environment, out, stage),
            Build::CargoWorkspace { programs, links, .. } => cargo::make(self, programs, links, out, stage),
            Build::BootLoader { program, carries, loader, files, .. } => {
                pick(files, source, out)?;
                boot_loader::make(self, program, &source.join(carries), &out.join(loader), stage)?;
                licence::write(&out.join("components.json"), boot_loader::components(self, program)?)
            }
            Build::CertificateBundle { certificates, bundle } => certificates::make(&source.join(certificates), &out.join(bundle)),
        }
    }

    fn fetch(&self, recipe: &Recipe, stage: &Stage) -> anyhow::Result<Inputs> {
        let mut inputs = self.promised(recipe)?;
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
        // What the toolchain adds comes after the recipe's own.
        let first = inputs.used.first().filter(|_| !recipe.body.inputs.is_empty());
        let version = first.map_or(self.version, |i| i.version.as_str()).to_owned();
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
    fn promised(lock: &Lock, names: &[String]) -> anyhow::Result<Self> {
        let promise = |name: &String| {
            let locked = lock.get(name)?;
            anyhow::ensure!(!matches!(locked, Locked::Host { .. }), "{name} is no input of a recipe: what links it in has it by itself");
            Ok(Input { name: name.clone(), version: locked.version().to_owned(), sha256: locked.sha256().to_owned() })
        };
        let used = names.iter().map(promise).collect::<anyhow::Result<_>>()?;
        Ok(Self { files: BTreeMap::new(), used, differs: Vec::new() })
    }
}

/// What of the host's toolchain a build links into programs.
pub(crate) fn parts(build: &Build) -> &'static [Part] {
    match build {
        Build::Go { .. } => golang::PARTS,
        Build::Crate { .. } | Build::CargoWorkspace { .. } => cargo::PARTS,
        Build::BootLoader { .. } => boot_loader::PARTS,
        Build::Kernel { .. } | Build::CertificateBundle { .. } => &[],
    }
}

/// What to fetch for the lock's entry `name`; nothing for a Go module or a crate, which their tools fetch by themselves, nor for what the host has.
pub(crate) fn wanted<'a>(lock: &'a Lock, name: &'a str) -> anyhow::Result<Option<Wanted<'a>>> {
    Ok(match lock.get(name)? {
        Locked::Debian { version, series, sha256 } => Some(Wanted { name, version, series, sha256 }),
        Locked::Go { .. } | Locked::Crate { .. } | Locked::Host { .. } => None,
    })
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

    const RECIPE: &str = "summary = \"x\"\nlicence = \"MIT\"\ninputs = [\"own\"]\n[build]\nkind = \"crate\"\nprograms = [\"own\"]\n";
    const LOCK: &str = "[own]\nfrom = \"crate\"\nversion = \"7\"\nsha256 = \"none\"\n";

    /// A package that is a crate, and what a build of it needs to know.
    struct Shop {
        dir: tempfile::TempDir,
        cache: Cache,
        lock: Lock,
        recipe: Recipe,
    }

    impl Shop {
        fn new() -> Self {
            let dir = tempfile::tempdir().expect("a directory");
            let package = dir.path().join("own");
            std::fs::create_dir(&package).expect("made");
            for (name, text) in [("recipe.toml", RECIPE), ("Cargo.toml", ""), ("Cargo.lock", "")] {
                std::fs::write(package.join(name), text).expect("written");
            }
            // The lock has another toolchain than any of these tests.
            let parts = cargo::PARTS.iter().map(|part| format!("[{}]\nfrom = \"host\"\nversion = \"1\"\nsha256 = \"1111\"\n", part.name()));
            let lock = toml::from_str(&parts.chain([LOCK.to_owned()]).collect::<String>()).expect("a lock");
            let cache = Cache::open(&dir.path().join("cache")).expect("opened");
            Self { cache, lock, recipe: Recipe::read(dir.path(), "own").expect("a recipe"), dir }
        }

        /// A toolchain of which the part `changed` has this content.
        fn host(&self, changed: Part, sha256: &str) -> Host {
            let found = cargo::PARTS.iter().map(|part| {
                let sha256 = if *part == changed { sha256 } else { "1111" };
                (*part, Input { name: part.name().into(), version: "1".into(), sha256: sha256.into() })
            });
            Host::judge(&self.lock, found.collect(), false).expect("judged")
        }

        fn workshop<'a>(&'a self, host: &'a Host) -> Workshop<'a> {
            Workshop { repo: self.dir.path(), cache: &self.cache, lock: &self.lock, host, locked: false, version: "0" }
        }

        fn key(&self, host: &Host) -> String {
            let workshop = self.workshop(host);
            workshop.key(&self.recipe, &workshop.promised(&self.recipe).expect("promised")).expect("a key")
        }
    }

    #[test]
    fn another_part_of_the_toolchain_is_another_package() {
        let shop = Shop::new();
        let locked = shop.key(&shop.host(Part::CLibrary, "1111"));
        for part in cargo::PARTS {
            assert_ne!(shop.key(&shop.host(*part, "2222")), locked, "{part:?}");
        }
        assert_eq!(shop.key(&shop.host(Part::CLibrary, "1111")), locked);
    }

    /// Cargo would take what it linked with the old C library for up to date.
    #[test]
    fn what_compilers_keep_is_not_shared_between_toolchains() {
        let shop = Shop::new();
        let places = |sha256| cargo::target_dir(&shop.workshop(&shop.host(Part::CLibrary, sha256)), cargo::PARTS).expect("a place");
        assert_ne!(places("1111"), places("2222"));
        assert_eq!(places("1111"), places("1111"));
    }

    #[test]
    fn what_differs_and_what_went_in_is_told_from_the_cache_too() {
        let shop = Shop::new();
        let host = shop.host(Part::CLibrary, "2222");
        let workshop = shop.workshop(&host);
        let promised = workshop.promised(&shop.recipe).expect("promised");
        let key = workshop.key(&shop.recipe, &promised).expect("a key");
        let (dir, _) = shop.cache.artifact("own", &key, |_| Ok(())).expect("made");
        let built = workshop.describe(&shop.recipe, dir, key, promised).expect("described");
        assert_eq!(built.package.version, "7", "the recipe's own input, not the toolchain's");
        assert!(built.differs.len() == 1 && built.differs[0].contains("1111") && built.differs[0].contains("2222"), "{:?}", built.differs);
        let used = built.package.inputs.iter().find(|input| input.name == Part::CLibrary.name()).expect("told");
        assert_eq!(used.sha256, "2222");
    }

    #[test]
    fn a_package_without_programs_has_nothing_of_the_toolchain() {
        let bundle = Build::CertificateBundle { certificates: "a".into(), bundle: "b".into() };
        assert!(parts(&bundle).is_empty());
    }

    #[test]
    fn a_recipe_does_not_name_what_the_toolchain_adds() {
        let shop = Shop::new();
        let error = Inputs::promised(&shop.lock, &["glibc".to_owned()]).err().expect("refused").to_string();
        assert!(error.contains("glibc"), "{error}");
    }

    #[test]
    fn the_lock_of_the_repository_has_what_toolchains_add() {
        let repo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let lock = Lock::read(&repo).expect("a lock");
        let mut linked = Vec::new();
        for entry in std::fs::read_dir(repo.join("image/packages")).expect("packages").flatten().filter(|e| e.path().is_dir()) {
            let recipe = Recipe::read(&repo.join("image/packages"), &entry.file_name().to_string_lossy()).expect("a recipe");
            linked.extend(parts(&recipe.body.build));
        }
        for part in Part::ALL {
            assert!(linked.contains(&part), "{part:?} is in the lock for nothing");
            assert!(matches!(lock.get(part.name()), Ok(Locked::Host { .. })), "{part:?} is not in the lock");
        }
        for name in lock.names().filter(|name| matches!(lock.get(name), Ok(Locked::Host { .. }))) {
            Part::named(name).expect("a part of the toolchain");
        }
    }
}
