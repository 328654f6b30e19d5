//! `inspect`: what an image consists of.

use ampoule_builder::{Manifest, inspect};
use anyhow::{Context, Result};

use crate::{cli::InspectArgs, figures::bytes, paths, show::print};

/// `./ampoule inspect`.
pub(crate) fn run(args: &InspectArgs) -> Result<()> {
    let manifest = inspect(&paths::image(&args.variant)?)?;
    if args.json { print(&(serde_json::to_string_pretty(&manifest).context("the manifest")? + "\n")) } else { print(&describe(&manifest)) }
}

fn describe(manifest: &Manifest) -> String {
    let mut text = head(manifest);
    text.push_str(&section(
        "Packages",
        manifest.packages.iter().map(|package| format!("{:24} {:16} {}", package.name, package.version, package.licence)),
    ));
    let title = format!("Executables: {}", manifest.executables.len());
    text.push_str(&section(
        &title,
        manifest.executables.iter().map(|program| {
            let mut marks = Vec::new();
            marks.extend(program.is_static.then_some("static"));
            marks.extend(program.pie.then_some("pie"));
            marks.extend(program.full_relro.then_some("relro"));
            marks.extend(program.nx.then_some("nx"));
            marks.extend(program.setuid.then_some("SETUID"));
            format!("{:36} {:>10}  {}", program.path, bytes(program.size), marks.join(" "))
        }),
    ));
    text.push_str(&section("Services", std::iter::once(manifest.services.join(", "))));
    if !manifest.differs_from_lock.is_empty() {
        text.push_str(&section("Differs from the lock", manifest.differs_from_lock.iter().cloned()));
    }
    text
}

fn head(manifest: &Manifest) -> String {
    let sizes = &manifest.sizes;
    format!(
        "Ampoule {} {} ({}, kernel {})\nbuild      {}\nroot hash  {}\nroot       {} ({} unpacked), hash tree {}\n\
         kernel     {} (unified kernel image)\ndisk       {} as qcow2, {} raw of {}\nmodules    {}\n",
        manifest.variant,
        manifest.version,
        manifest.architecture,
        manifest.kernel,
        manifest.build_id,
        manifest.root_hash,
        bytes(sizes.root),
        bytes(sizes.root_contents),
        bytes(sizes.verity),
        bytes(sizes.uki),
        bytes(sizes.qcow2),
        bytes(sizes.disk_allocated),
        bytes(sizes.disk),
        manifest.modules.len(),
    )
}

fn section(title: &str, lines: impl Iterator<Item = String>) -> String {
    let lines: String = lines.map(|line| format!("  {line}\n")).collect();
    format!("\n{title}\n{lines}")
}
