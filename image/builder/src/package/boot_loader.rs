//! The boot loader: our first stage with the second one in it, as one program for UEFI.

use super::{Workshop, cargo, make_parent};
use crate::hash::Facts;
use crate::host::Part;
use crate::licence::Component;
use crate::stage::Stage;
use crate::tool::Tool;
use anyhow::Context;
use std::path::{Path, PathBuf};

const TARGET: &str = "x86_64-unknown-uefi";

/// What is linked into it beside its crates.
pub(super) const PARTS: &[Part] = &[Part::FirmwareLibrary];

/// No time of the build in the file (lld's `/Brepro`), and no number that names its debug information, which differs with the folder it was built in.
const FLAGS: &[&str] = &["-Clink-arg=/Brepro", "-Clink-arg=/DEBUG:NONE"];

/// Where the first stage looks for the file that it carries, when it is compiled.
const CARRIED: &str = "AMPOULE_LOADER";

/// Crates that a whole build compiles; only the progress bar depends on it.
const USUAL_CRATES: u64 = 16;

/// What else the result depends on.
pub(super) fn facts(repo: &Path, sources: &[PathBuf], facts: &mut Facts) -> anyhow::Result<()> {
    facts.add("rustc", cargo::rustc()?).add("flags", FLAGS.join(" "));
    cargo::add_sources(repo, sources, facts)
}

/// Builds the program with the file `carried` in it.
pub(super) fn make(workshop: &Workshop, program: &str, carried: &Path, loader: &Path, stage: &Stage) -> anyhow::Result<()> {
    let target = cargo::target_dir(workshop, PARTS)?;
    let _held = workshop.cache.hold(&target.file_name().unwrap_or_default().to_string_lossy())?;
    compile(workshop.repo, program, carried, &target, stage)?;
    let built = target.join(TARGET).join("release").join(format!("{program}.efi"));
    make_parent(loader)?;
    std::fs::copy(&built, loader).with_context(|| format!("cargo made no program {program}"))?;
    Ok(())
}

fn compile(repo: &Path, program: &str, carried: &Path, target: &Path, stage: &Stage) -> anyhow::Result<()> {
    let flags = FLAGS.iter().map(|f| (*f).to_owned()).chain(cargo::fixed_names(repo, target)?);
    let mut done = 0;
    Tool::new("cargo")
        .dir(repo)
        .args(["build", "--release", "--locked", "--target", TARGET, "-p", &format!("ampoule-{program}")])
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.collect::<Vec<_>>().join("\x1f"))
        .env(CARRIED, carried)
        .run_with(stage, |line| {
            done += u64::from(line.trim_start().starts_with("Compiling "));
            stage.step(done.min(USUAL_CRATES), USUAL_CRATES);
        })
}

/// What is in it: crates and the standard library.
pub(super) fn components(workshop: &Workshop, program: &str) -> anyhow::Result<Vec<Component>> {
    let mut components = cargo::crates_for(TARGET, workshop.repo, &[program.to_owned()])?;
    components.extend(workshop.host.components(PARTS)?);
    Ok(components)
}
