//! `build`, and building as a step of other commands.

use std::path::{Path, PathBuf};

use ampoule_builder::{BuildRequest, BuiltImage, build, inspect};
use anyhow::{Context, Result, bail};

use crate::{cli::BuildArgs, figures, paths, show::Show};

/// `./ampoule build`.
pub(crate) fn command(args: &BuildArgs) -> Result<()> {
    let show = Show::new();
    let request = request(&args.variant, args.out.clone())?;
    let update_root = args.update_root.as_deref().map(std::path::absolute).transpose()?;
    let built = build(&BuildRequest { locked: args.locked, update_root, ..request }, &show)?;
    let sizes = &built.manifest.sizes;
    show.say(&format!(
        "\nImage {} {} in {}\n  root {}, kernel image {}, disk {}\n  root hash {}",
        built.manifest.variant,
        built.manifest.version,
        built.dir.display(),
        figures::bytes(sizes.root),
        figures::bytes(sizes.uki),
        figures::bytes(sizes.qcow2),
        built.manifest.root_hash,
    ));
    show.say("Next: `./ampoule run` boots it, `./ampoule inspect` shows what is in it.");
    Ok(())
}

/// Builds the image of `variant` into `out`, by default `out/VARIANT` of the checkout.
pub(crate) fn image(show: &Show, variant: &str, out: Option<PathBuf>) -> Result<BuiltImage> {
    build(&request(variant, out)?, show)
}

/// The image that lies built in `folder`.
pub(crate) fn there(folder: &Path) -> Result<BuiltImage> {
    let manifest = inspect(folder).with_context(|| format!("there is no built image in {}", folder.display()))?;
    Ok(BuiltImage { dir: folder.canonicalize().context("the folder of the image")?, manifest })
}

fn request(variant: &str, out: Option<PathBuf>) -> Result<BuildRequest> {
    refuse_missing()?;
    let repo = paths::repo()?;
    let out = match out {
        Some(out) => std::path::absolute(out)?,
        None => paths::image(variant)?,
    };
    Ok(BuildRequest { repo, variant: variant.to_owned(), out, cache: paths::cache(), locked: false, update_root: None })
}

fn refuse_missing() -> Result<()> {
    let missing = ampoule_builder::missing();
    if missing.is_empty() {
        return Ok(());
    }
    let list: Vec<String> =
        missing.iter().map(|need| format!("  {} ({}): Debian package {}", need.program, need.purpose, need.package)).collect();
    bail!("this machine lacks what the build needs:\n{}", list.join("\n"));
}
