//! Two builds of the same things, in different directories and at different times, give the same bytes.
//!
//! Takes as long as two builds without a cache for anything but the kernel, so it runs only when asked:
//! `cargo test -p ampoule-builder --test reproducible -- --ignored`. `AMPOULE_VARIANT` chooses the variant.

use ampoule_builder::{Again, BuildRequest, Silent, build, default_cache, reproduce};
use std::path::{Path, PathBuf};

fn repo() -> PathBuf {
    let given = std::env::var_os("AMPOULE_REPO").map(PathBuf::from);
    given.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
}

#[test]
#[ignore = "builds two images"]
fn an_image_depends_on_its_inputs_only() {
    let cache = default_cache();
    std::fs::create_dir_all(&cache).expect("a cache");
    let place = tempfile::tempdir_in(&cache).expect("a directory");
    let request = BuildRequest {
        repo: repo(),
        variant: std::env::var("AMPOULE_VARIANT").unwrap_or_else(|_| "standalone".to_owned()),
        out: place.path().join("first"),
        cache: cache.clone(),
        update_root: None,
        locked: false,
    };
    let first = build(&request, &Silent).expect("the first image");
    let differences = reproduce(&request, &first, &place.path().join("second"), Again::Everything, &Silent).expect("the second image");
    assert!(differences.is_empty(), "{differences:#?}");
}
