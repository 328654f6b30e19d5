//! The demo workload as an image: compiled, packed, never written to disk.

use std::{fs, process::Command};

use ampoule_registry::{Image, PackedFile, pack};
use anyhow::{Context, Result};

use crate::{paths, programs, show::Show};

/// Its port in the container.
pub(crate) const PORT: u16 = 8080;

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Compiles the demo program as the node's own programs are (one static file) and packs it.
pub(crate) fn image(show: &Show) -> Result<Image> {
    show.stage("demo", "compiling the demo workload", || {
        programs::must(show, "demo", &mut compile()?)?;
        let path = paths::target().join(TARGET).join("release/demo");
        let content = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        pack(&[PackedFile { path: "demo".into(), content, mode: 0o755 }], &["/demo"])
    })
}

fn compile() -> Result<Command> {
    let mut command = Command::new("cargo");
    command
        .current_dir(paths::repo()?)
        .args(["build", "--locked", "--release", "-p", "ampoule-demo", "--target", TARGET])
        .env("CARGO_TARGET_DIR", paths::target())
        .env("RUSTFLAGS", "-C target-feature=+crt-static -C relocation-model=pie");
    Ok(command)
}
