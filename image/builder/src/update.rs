//! Moving the lock.

use crate::cache::Cache;
use crate::debian;
use crate::hash;
use crate::host::Part;
use crate::lock::{self, Lock, Locked};
use crate::manifest::Input;
use crate::package;
use crate::progress::Progress;
use crate::stage::{Made, Stage};
use crate::tool::Tool;
use anyhow::Context;
use std::io::Write;
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

/// Moves the lock of the input `name` (or of `all`) to the newest of its series (a part of the toolchain: to what this machine has) and
/// writes `image/lock.toml`.
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
        let Newest { version, sha256, files } =
            Stage::run(progress, &cache, &format!("lock-{name}"), "the newest of its series", |stage| {
                Ok(Made::now(newest(repo, &lock, name, locked, &cache, stage)?))
            })?;
        // The lock last: as long as it names the old version, a run after one that was killed here moves it.
        files.iter().try_for_each(|(path, bytes)| replace(path, bytes))?;
        if (version.as_str(), sha256.as_str()) != (locked.version(), locked.sha256()) {
            let path = repo.join("image/lock.toml");
            replace(&path, lock::moved(&std::fs::read_to_string(&path)?, name, &version, &sha256)?.as_bytes())?;
            let old = format!("{} {}", locked.version(), locked.sha256());
            changes.push(LockChange { name: name.to_owned(), old, new: format!("{version} {sha256}") });
        }
    }
    Ok(changes)
}

/// The newest of an input. Nothing of the checkout is changed when this is there, however its finding ends.
struct Newest {
    version: String,
    sha256: String,
    /// Files beside the recipe that pin it, with what is to be in them.
    files: Vec<(PathBuf, Vec<u8>)>,
}

fn newest(repo: &Path, lock: &Lock, name: &str, locked: &Locked, cache: &Cache, stage: &Stage) -> anyhow::Result<Newest> {
    let input = match locked {
        Locked::Host { .. } => Some(Part::named(name)?.examine()?),
        _ => package::wanted(lock, name)?.map(|wanted| debian::newest(wanted, cache, stage)).transpose()?,
    };
    if let Some(Input { version, sha256, .. }) = input {
        return Ok(Newest::of(version, sha256));
    }
    let recipe = recipe_with(repo, name)?;
    let scratch = cache.scratch("lock")?;
    let copy = scratch.path();
    copy_tree(&recipe, copy)?;
    match locked {
        Locked::Go { module, .. } => newest_module(copy, module, stage)?.pinned_by(&["go.mod", "go.sum"], copy, &recipe),
        Locked::Crate { .. } => newest_crate(copy, name, stage)?.pinned_by(&["Cargo.lock"], copy, &recipe),
        Locked::Debian { .. } | Locked::Host { .. } => anyhow::bail!("{name} has no recipe that pins it"),
    }
}

impl Newest {
    fn of(version: String, sha256: String) -> Self {
        Self { version, sha256, files: Vec::new() }
    }

    /// With the files of these names as they are in `copy`, for `recipe`.
    fn pinned_by(mut self, names: &[&str], copy: &Path, recipe: &Path) -> anyhow::Result<Self> {
        for name in names {
            let bytes = std::fs::read(copy.join(name)).with_context(|| format!("cannot read the new {name}"))?;
            self.files.push((recipe.join(name), bytes));
        }
        Ok(self)
    }
}

fn copy_tree(from: &Path, to: &Path) -> anyhow::Result<()> {
    for file in hash::files_below(from)? {
        let copy = to.join(file.strip_prefix(from)?);
        package::make_parent(&copy)?;
        std::fs::copy(&file, &copy).with_context(|| format!("cannot copy {}", file.display()))?;
    }
    Ok(())
}

/// Lets Cargo move everything as far as the manifest allows, then pins what it wrote.
fn newest_crate(recipe: &Path, name: &str, stage: &Stage) -> anyhow::Result<Newest> {
    Tool::new("cargo").dir(recipe).args(["update"]).run(stage)?;
    let lock = recipe.join("Cargo.lock");
    Ok(Newest::of(package::crates::version_in(&lock, name)?, hash::file(&lock)?))
}

/// Lets Go move its own two files, then pins what it wrote.
fn newest_module(recipe: &Path, module: &str, stage: &Stage) -> anyhow::Result<Newest> {
    for args in [&["get", &format!("{module}@latest")][..], &["mod", "tidy"]] {
        Tool::new("go").dir(recipe).args(args).env("GOENV", "off").env("GOWORK", "off").env("GOFLAGS", "-mod=mod").run(stage)?;
    }
    let version = Tool::new("go").dir(recipe).args(["list", "-m", "-f", "{{.Version}}", module]).env("GOFLAGS", "-mod=mod").output()?;
    Ok(Newest::of(version.trim().to_owned(), hash::file(&recipe.join("go.sum"))?))
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

/// The old file or the new one, whole, whenever this program or the machine ends.
fn replace(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let folder = path.parent().with_context(|| format!("{} has no folder", path.display()))?;
    let named = || format!("cannot replace {}", path.display());
    let mut file = tempfile::NamedTempFile::new_in(folder).with_context(named)?;
    file.write_all(bytes).with_context(named)?;
    std::fs::set_permissions(file.path(), std::fs::metadata(path).with_context(named)?.permissions()).with_context(named)?;
    file.as_file().sync_all().with_context(named)?;
    // The failure has the file in it; without it the file is removed at once.
    file.persist(path).map_err(|failed| failed.error).with_context(named)?;
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).with_context(named)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Silent;
    use std::collections::BTreeMap;

    const LOCK: &str = "[own]\nfrom = \"crate\"\nversion = \"1.0.0\"\nsha256 = \"none\"\n";

    /// A checkout with one package, a crate that needs no other, so that nothing is fetched. Its `Cargo.lock` is one that Cargo changes.
    fn checkout(crate_name: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a directory");
        let recipe = dir.path().join("image/packages/own");
        std::fs::create_dir_all(&recipe).expect("made");
        std::fs::write(dir.path().join("image/lock.toml"), LOCK).expect("written");
        let files = [
            (
                "recipe.toml",
                "summary = \"x\"\nlicence = \"MIT\"\ninputs = [\"own\"]\n[build]\nkind = \"crate\"\nprograms = [\"own\"]\n".to_owned(),
            ),
            ("Cargo.toml", format!("[package]\nname = \"{crate_name}\"\nversion = \"2.0.0\"\n[lib]\npath = \"none.rs\"\n[workspace]\n")),
            ("Cargo.lock", "version = 4\n[[package]]\nname = \"own\"\nversion = \"1.0.0\"\n".to_owned()),
        ];
        files.iter().for_each(|(name, text)| std::fs::write(recipe.join(name), text).expect("written"));
        dir
    }

    fn files(repo: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
        let all = hash::files_below(repo).expect("listed").into_iter();
        all.map(|path| (path.clone(), std::fs::read(path).expect("read"))).collect()
    }

    fn update(repo: &Path) -> anyhow::Result<Vec<LockChange>> {
        let cache = tempfile::tempdir().expect("a directory");
        lock_update(repo, cache.path(), "own", &Silent)
    }

    #[test]
    fn the_lock_and_what_pins_move_together() {
        let repo = checkout("own");
        let before = files(repo.path());
        let changes = update(repo.path()).expect("moved");
        assert!(changes[0].old.starts_with("1.0.0 ") && changes[0].new.starts_with("2.0.0 "), "{changes:?}");
        let pins = repo.path().join("image/packages/own/Cargo.lock");
        let lock = Lock::read(repo.path()).expect("a lock");
        assert_eq!(lock.get("own").expect("there").sha256(), hash::file(&pins).expect("read"));
        assert_eq!(files(repo.path()).keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>(), "something was left behind");
        assert!(update(repo.path()).expect("asked again").is_empty());
    }

    /// Cargo has moved its own file when it shows that the crate is not in it.
    #[test]
    fn an_update_that_fails_half_way_changes_nothing() {
        let repo = checkout("another");
        let before = files(repo.path());
        let error = format!("{:#}", update(repo.path()).expect_err("no such crate"));
        assert!(error.contains("must have one crate own"), "{error}");
        assert_eq!(files(repo.path()), before);
    }

    #[test]
    fn a_part_of_the_toolchain_moves_to_what_this_machine_has() {
        let repo = tempfile::tempdir().expect("a directory");
        let lock = repo.path().join("image/lock.toml");
        std::fs::create_dir(repo.path().join("image")).expect("made");
        std::fs::write(&lock, "[libgcc]\nfrom = \"host\"\nversion = \"1\"\nsha256 = \"1111\"\n").expect("written");
        let change = lock_update(repo.path(), &repo.path().join("cache"), "libgcc", &Silent).expect("moved").remove(0);
        let found = Part::CompilerRuntime.examine().expect("gcc is here");
        assert_eq!((change.old, change.new), ("1 1111".to_owned(), format!("{} {}", found.version, found.sha256)));
        let moved = Lock::read(repo.path()).expect("a lock");
        assert_eq!(moved.get("libgcc").expect("there").sha256(), found.sha256);
    }

    #[test]
    fn a_file_that_cannot_be_replaced_stays_and_none_is_left_beside_it() {
        let dir = tempfile::tempdir().expect("a directory");
        // A folder cannot be replaced by a file.
        std::fs::create_dir(dir.path().join("lock.toml")).expect("made");
        let error = replace(&dir.path().join("lock.toml"), b"new").expect_err("refused");
        assert!(error.to_string().contains("lock.toml"), "{error}");
        assert_eq!(std::fs::read_dir(dir.path()).expect("listed").count(), 1);
    }
}
