//! Builds one image: `cargo run -p ampoule-builder --example build -- VARIANT`, from the root of the checkout.

use ampoule_builder::{BuildRequest, Progress, build, default_cache};
use std::path::Path;

struct Lines;

impl Progress for Lines {
    fn stage_started(&self, name: &str, detail: &str) {
        eprintln!("== {name}: {detail}");
    }
    fn stage_progress(&self, _: &str, _: u64, _: u64) {}
    fn stage_done(&self, name: &str, from_cache: bool) {
        eprintln!("== {name}: {}", if from_cache { "from the cache" } else { "made" });
    }
    fn line(&self, _: &str, _: &str) {}
    fn notice(&self, text: &str) {
        eprintln!("!! {text}");
    }
}

fn main() -> anyhow::Result<()> {
    let variant = std::env::args().nth(1).unwrap_or_else(|| "standalone".to_owned());
    let out = Path::new("out").join(&variant);
    let request = BuildRequest { repo: ".".into(), variant, out, cache: default_cache(), locked: false, update_root: None };
    let image = build(&request, &Lines)?;
    println!("{}: root hash {}, {:?}", image.dir.display(), image.manifest.root_hash, image.manifest.sizes);
    Ok(())
}
