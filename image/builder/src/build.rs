//! The stages of a build, in their order.

use crate::assemble::Plan;
use crate::cache::Cache;
use crate::compare::REPRODUCIBLE;
use crate::doctor::REQUIREMENTS;
use crate::hash::Facts;
use crate::host::{Host, Part};
use crate::lock::{DIFFERS, Lock};
use crate::manifest::{Manifest, inspect};
use crate::package::{self, Built, Workshop};
use crate::progress::Progress;
use crate::recipe::Recipe;
use crate::request::{BuildRequest, BuiltImage};
use crate::root::{self, Identity, Release};
use crate::stage::{Made, Stage};
use crate::variant::Variant;
use anyhow::Context;
use std::path::Path;

/// Builds one image. The old image in `request.out` stays until the new one is whole.
///
/// # Errors
/// [`crate::StageFailed`] with its cause: a tool that failed, an input that is not the pinned one, a rule that the image
/// breaks. Without it: the request itself or a file of the checkout is wrong.
pub fn build(request: &BuildRequest, progress: &dyn Progress) -> anyhow::Result<BuiltImage> {
    let repo = request.repo.canonicalize().with_context(|| format!("there is no checkout at {}", request.repo.display()))?;
    let variant = Variant::read(&repo.join("variants"), &request.variant)?;
    variant.must_have_an_image()?;
    let cache = Cache::open(&request.cache)?;
    let lock = Lock::read(&repo)?;
    let release = Release::read(&repo)?;
    let version = &release.version;
    let recipes = recipes(&repo, &variant)?;
    let host = host(&recipes, &lock, &cache, request.locked, progress)?;
    let workshop = Workshop { repo: &repo, cache: &cache, lock: &lock, host: &host, locked: request.locked, version };
    let packages = packages(&workshop, &recipes, progress)?;
    let services = root::services(&repo, &variant)?;
    let trusted = root::update_root(&repo, &variant, request.update_root.as_deref())?;
    let update_root = trusted.as_deref();
    let identity = Identity::new(&repo, &release, &variant, &packages, &services, update_root)?;
    let plan = Plan {
        repo: &repo,
        cache: &cache,
        variant: &variant,
        packages: &packages,
        services: &services,
        identity: &identity,
        update_root,
        progress,
    };
    publish(&plan, &request.out)
}

/// Makes the image beside `out` and puts it in its place when it is whole.
fn publish(plan: &Plan, out: &Path) -> anyhow::Result<BuiltImage> {
    let parent = out.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    let name = out.file_name().with_context(|| format!("{} cannot be an output directory", out.display()))?.to_string_lossy();
    let held = plan.cache.hold(&format!("out-{name}"))?;
    remove_unfinished(parent, &name);
    let stamp = made_from(plan.identity, &plan.differs_from_lock())?;
    if let Some(manifest) = whole(out, &stamp) {
        plan.progress.stage_started("image", "it is there already");
        plan.progress.stage_done("image", true);
        return Ok(BuiltImage { dir: out.canonicalize()?, manifest });
    }
    let work = tempfile::Builder::new().prefix(&format!(".{name}.")).tempdir_in(parent)?;
    let new = work.path().join("new");
    std::fs::create_dir(&new)?;
    let manifest = plan.carry_out(&new)?;
    std::fs::write(new.join(MADE_FROM), &stamp)?;
    if out.exists() {
        std::fs::rename(out, work.path().join("old")).with_context(|| format!("cannot replace {}", out.display()))?;
    }
    std::fs::rename(&new, out).with_context(|| format!("cannot write {}", out.display()))?;
    drop(held);
    Ok(BuiltImage { dir: out.canonicalize()?, manifest })
}

/// Beside the image, and no part of it.
const MADE_FROM: &str = "made-from";

/// What decides how an image looks: what its root is made from, this program, and the tools that write file systems and disks; and what it
/// says of itself, which is another thing when the lock has moved.
fn made_from(identity: &Identity, differs_from_lock: &[String]) -> anyhow::Result<String> {
    let mut facts = Facts::default();
    facts.add("differs-from-lock", differs_from_lock.join("\n"));
    facts.add("build-id", &identity.build_id).add("version", &identity.version);
    facts.add_file("builder", &std::env::current_exe().context("cannot find this program")?)?;
    let tools = REQUIREMENTS.iter().filter(|need| ["mkfs.erofs", "mkfs.ext4", "secilc", "veritysetup", "qemu-img"].contains(&need.program));
    for tool in tools {
        // The file itself: not every one of them tells its version.
        facts.add_file(tool.program, &tool.find().with_context(|| format!("there is no {}", tool.program))?)?;
    }
    Ok(facts.finish())
}

/// The manifest of the image in `out`, if that is whole and made from the same.
fn whole(out: &Path, stamp: &str) -> Option<Manifest> {
    let same = std::fs::read_to_string(out.join(MADE_FROM)).is_ok_and(|made_from| made_from == stamp);
    let there = REPRODUCIBLE.iter().chain(&["disk.qcow2"]).all(|name| out.join(name).is_file());
    if same && there { inspect(out).ok() } else { None }
}

/// Removes what builds that were killed have left beside `name`.
fn remove_unfinished(parent: &Path, name: &str) {
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    for entry in entries.filter(|e| e.file_name().to_string_lossy().starts_with(&format!(".{name}."))) {
        // What cannot be removed only takes space.
        let _ = std::fs::remove_dir_all(entry.path());
    }
}

fn recipes(repo: &Path, variant: &Variant) -> anyhow::Result<Vec<Recipe>> {
    variant.node.packages.iter().map(|name| Recipe::read(&repo.join("image/packages"), name)).collect()
}

/// What this machine's toolchain puts into programs, compared with the lock before anything is made.
fn host(recipes: &[Recipe], lock: &Lock, cache: &Cache, locked: bool, progress: &dyn Progress) -> anyhow::Result<Host> {
    let parts = recipes.iter().flat_map(|recipe| package::parts(&recipe.body.build)).copied().collect();
    Stage::run(progress, cache, "toolchain", "what compilers of this machine link into programs", |stage| {
        let host = Host::examine(lock, &parts, locked)?;
        host.differences(&Part::ALL).for_each(|one| stage.notice(&format!("{DIFFERS}: {one}")));
        Ok(Made::now(host))
    })
}

fn packages(workshop: &Workshop, recipes: &[Recipe], progress: &dyn Progress) -> anyhow::Result<Vec<Built>> {
    let one =
        |recipe: &Recipe| Stage::run(progress, workshop.cache, &recipe.name, &recipe.body.summary, |stage| workshop.obtain(recipe, stage));
    recipes.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_image_is_made_from_is_told_by_its_identity() {
        let of = |build_id: &str, differs: &[String]| {
            let words = ["1", "2000-01-01", build_id, "v"].map(str::to_owned);
            let [version, release_date, build_id, variant] = words;
            made_from(&Identity { version, release_date, build_id, variant }, differs).expect("all tools are here")
        };
        let first = of("a", &[]);
        assert_eq!(of("a", &[]), first);
        assert_ne!(of("b", &[]), first);
        assert_ne!(of("a", &["glibc is another".to_owned()]), first, "its manifest says so");
    }

    #[test]
    fn an_image_counts_as_made_only_when_it_is_whole_and_from_the_same() {
        let dir = tempfile::tempdir().expect("a directory");
        let out = dir.path();
        let manifest = serde_json::json!({
            "format": 1, "variant": "v", "version": "1", "build-id": "b", "architecture": "x86_64", "kernel": "6", "root-hash": "00",
            "sizes": { "root": 1, "root-contents": 1, "verity": 1, "uki": 1, "disk": 1, "disk-allocated": 1, "qcow2": 1 },
            "services": [], "executables": [], "modules": [], "packages": [], "differs-from-lock": [], "files": {},
        });
        std::fs::write(out.join("manifest.json"), manifest.to_string()).expect("written");
        std::fs::write(out.join(MADE_FROM), "stamp").expect("written");
        assert!(whole(out, "stamp").is_none(), "files are missing");
        for name in REPRODUCIBLE.iter().chain(&["disk.qcow2"]) {
            std::fs::write(out.join(name), "").expect("written");
        }
        assert!(whole(out, "stamp").is_some());
        assert!(whole(out, "another").is_none());
        std::fs::write(out.join("manifest.json"), "{}").expect("written");
        assert!(whole(out, "stamp").is_none(), "the manifest is of another format");
    }
}
