//! The stages of a build, in their order.

use crate::cache::Cache;
use crate::lock::Lock;
use crate::package::{Built, Workshop};
use crate::progress::Progress;
use crate::recipe::Recipe;
use crate::request::{BuildRequest, BuiltImage};
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
    let cache = Cache::open(&request.cache)?;
    let lock = Lock::read(&repo)?;
    let version = workspace_version(&repo)?;
    let workshop = Workshop { repo: &repo, cache: &cache, lock: &lock, locked: request.locked, version: &version };
    let packages = packages(&workshop, &variant, progress)?;
    anyhow::bail!("{}", packages.len())
}

fn packages(workshop: &Workshop, variant: &Variant, progress: &dyn Progress) -> anyhow::Result<Vec<Built>> {
    let one = |name: &String| {
        let recipe = Recipe::read(&workshop.repo.join("image/packages"), name)?;
        Stage::run(progress, workshop.cache, name, &recipe.body.summary, |stage| workshop.obtain(&recipe, stage))
    };
    variant.packages.iter().map(one).collect()
}

/// `workspace.package.version` of the checkout: the version of the system.
fn workspace_version(repo: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(repo.join("Cargo.toml")).context("cannot read Cargo.toml")?;
    let manifest: toml::Table = text.parse().context("Cargo.toml is wrong")?;
    let version = manifest.get("workspace").and_then(|w| w.get("package")?.get("version")?.as_str());
    version.map(str::to_owned).context("Cargo.toml has no workspace.package.version")
}
