//! Programs of a crate from the registry, as static position-independent executables.
//!
//! Beside the recipe lie a manifest that names nothing but the crate and its features, and the `Cargo.lock` that pins
//! everything below it. Cargo builds the programs of a dependency when told its name, so no code of ours is needed.

use super::{Workshop, cargo};
use crate::hash::Facts;
use crate::licence;
use crate::lock::{self, Locked};
use crate::recipe::Recipe;
use crate::stage::Stage;
use crate::tool::Tool;
use anyhow::Context;
use std::collections::BTreeMap;
use std::path::Path;

/// Crates that a whole build compiles; only the progress bar depends on it.
const USUAL_CRATES: u64 = 110;

/// What else the result depends on.
pub(super) fn facts(dir: &Path, facts: &mut Facts) -> anyhow::Result<()> {
    facts.add_file("Cargo.toml", &dir.join("Cargo.toml"))?.add_file("Cargo.lock", &dir.join("Cargo.lock"))?;
    cargo::toolchain(facts)
}

/// Refuses a `Cargo.lock` that is not what the lock pins. Does nothing for other kinds of package.
pub(super) fn check_lock(workshop: &Workshop, recipe: &Recipe) -> anyhow::Result<()> {
    for name in &recipe.body.inputs {
        if let Locked::Crate { version, sha256 } = workshop.lock.get(name)? {
            let path = recipe.dir.join("Cargo.lock");
            lock::check(name, sha256, &crate::hash::file(&path)?)?;
            let found = version_in(&path, name)?;
            anyhow::ensure!(found == *version, "{} pins {name} {found}, but image/lock.toml names {version}", path.display());
        }
    }
    Ok(())
}

/// Builds the programs of the crate that is the recipe's first input.
pub(super) fn make(
    workshop: &Workshop,
    recipe: &Recipe,
    programs: &[String],
    environment: &BTreeMap<String, String>,
    out: &Path,
    stage: &Stage,
) -> anyhow::Result<()> {
    let bin = out.join("root/usr/bin");
    std::fs::create_dir_all(&bin)?;
    // Beside what is made, as the sources of other kinds: whoever cleans up removes both.
    let target = out.with_file_name("target");
    compile(recipe, programs, environment, &target, stage)?;
    for program in programs {
        let built = target.join(cargo::TARGET).join("release").join(program);
        std::fs::copy(&built, bin.join(program)).with_context(|| format!("cargo made no program {program}"))?;
    }
    licence::write(&out.join("components.json"), cargo::components(workshop, &recipe.dir, &[])?)
}

fn compile(
    recipe: &Recipe,
    programs: &[String],
    environment: &BTreeMap<String, String>,
    target: &Path,
    stage: &Stage,
) -> anyhow::Result<()> {
    let name = recipe.body.inputs.first().context("a crate package has its crate as first input")?;
    let mut tool = Tool::new("cargo")
        .dir(&recipe.dir)
        .args(["build", "--release", "--locked", "--target", cargo::TARGET, "-p", name])
        .args(programs.iter().flat_map(|p| ["--bin", p]))
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_ENCODED_RUSTFLAGS", cargo::flags(&recipe.dir, target)?.join("\x1f"))
        .envs(cargo::C_COMPILER);
    for (name, value) in environment {
        tool = tool.env(name, value);
    }
    let mut done = 0;
    tool.run_with(stage, |line| {
        done += u64::from(line.trim_start().starts_with("Compiling "));
        stage.step(done.min(USUAL_CRATES), USUAL_CRATES);
    })
}

/// The version of the crate `name` in a `Cargo.lock`.
pub(crate) fn version_in(path: &Path, name: &str) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    version_of(&text, name).with_context(|| format!("{} must have one crate {name}", path.display()))
}

fn version_of(text: &str, name: &str) -> Option<String> {
    let lock: toml::Table = text.parse().ok()?;
    let packages = lock.get("package")?.as_array()?.iter();
    let mut found = packages.filter(|p| p.get("name").and_then(toml::Value::as_str) == Some(name));
    let version = found.next()?.get("version")?.as_str()?;
    found.next().is_none().then(|| version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pinned_version_is_found_if_there_is_one() {
        let text = "version = 4\n[[package]]\nname = \"a\"\nversion = \"1.2.3\"\n[[package]]\nname = \"b\"\nversion = \"1.0.0\"\n";
        assert_eq!(version_of(text, "a").as_deref(), Some("1.2.3"));
        assert_eq!(version_of(text, "c"), None);
        assert_eq!(version_of(&text.replace("\"b\"", "\"a\""), "a"), None, "two versions pin none");
        assert_eq!(version_of("<html>", "a"), None);
    }

    #[test]
    fn the_crates_of_the_repository_are_the_locked_ones() {
        let repo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let lock = lock::Lock::read(&repo).expect("a lock");
        let crates = lock.names().filter(|name| matches!(lock.get(name), Ok(Locked::Crate { .. })));
        let mut seen = 0;
        for name in crates {
            let locked = lock.get(name).expect("there");
            let path = repo.join("image/packages").join(name).join("Cargo.lock");
            assert_eq!(version_in(&path, name).expect("pinned"), locked.version());
            assert_eq!(crate::hash::file(&path).expect("read"), locked.sha256());
            seen += 1;
        }
        assert!(seen > 0);
    }
}
