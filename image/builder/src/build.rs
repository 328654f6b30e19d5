//! The stages of a build, in their order.

use crate::assemble::Plan;
use crate::cache::Cache;
use crate::lock::Lock;
use crate::package::{Built, Workshop};
use crate::progress::Progress;
use crate::recipe::Recipe;
use crate::request::{BuildRequest, BuiltImage};
use crate::root::{self, Identity, Release};
use crate::stage::Stage;
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
    let workshop = Workshop { repo: &repo, cache: &cache, lock: &lock, locked: request.locked, version };
    let packages = packages(&workshop, &variant, progress)?;
    let services = root::services(&repo, &variant)?;
    let identity = Identity::new(&release, &variant, &packages, &services)?;
    let plan =
        Plan { repo: &repo, cache: &cache, variant: &variant, packages: &packages, services: &services, identity: &identity, progress };
    publish(&plan, &request.out)
}

/// Makes the image beside `out` and puts it in its place when it is whole.
fn publish(plan: &Plan, out: &Path) -> anyhow::Result<BuiltImage> {
    let parent = out.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    let name = out.file_name().with_context(|| format!("{} cannot be an output directory", out.display()))?.to_string_lossy();
    let held = plan.cache.hold(&format!("out-{name}"))?;
    remove_unfinished(parent, &name);
    let work = tempfile::Builder::new().prefix(&format!(".{name}.")).tempdir_in(parent)?;
    let new = work.path().join("new");
    std::fs::create_dir(&new)?;
    let manifest = plan.carry_out(&new)?;
    if out.exists() {
        std::fs::rename(out, work.path().join("old")).with_context(|| format!("cannot replace {}", out.display()))?;
    }
    std::fs::rename(&new, out).with_context(|| format!("cannot write {}", out.display()))?;
    drop(held);
    Ok(BuiltImage { dir: out.canonicalize()?, manifest })
}

/// Removes what builds that were killed have left beside `name`.
fn remove_unfinished(parent: &Path, name: &str) {
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    for entry in entries.filter(|e| e.file_name().to_string_lossy().starts_with(&format!(".{name}."))) {
        // What cannot be removed only takes space.
        let _ = std::fs::remove_dir_all(entry.path());
    }
}

fn packages(workshop: &Workshop, variant: &Variant, progress: &dyn Progress) -> anyhow::Result<Vec<Built>> {
    let one = |name: &String| {
        let recipe = Recipe::read(&workshop.repo.join("image/packages"), name)?;
        Stage::run(progress, workshop.cache, name, &recipe.body.summary, |stage| workshop.obtain(&recipe, stage))
    };
    variant.packages.iter().map(one).collect()
}
