//! The same inputs give the same bytes: the image is built a second time elsewhere, and compared.

use std::path::Path;

use ampoule_builder::{BuildRequest, BuiltImage, build, compare};
use anyhow::{Context, Result, bail};

use crate::{paths, show::Show, testing::tally::Tally};

/// Builds again into another folder and names the first differing place.
pub(crate) fn check(
    show: &Show,
    variant: &str,
    first: &BuiltImage,
    _soak: bool,
    tally: &mut Tally,
) {
    match again(show, variant, first) {
        Ok(()) => tally.pass("reproducible"),
        Err(error) => tally.fail("reproducible", &format!("{error:#}")),
    }
}

fn again(show: &Show, variant: &str, first: &BuiltImage) -> Result<()> {
    let place = paths::cache().join("second-build");
    if place.exists() {
        std::fs::remove_dir_all(&place).context("cannot remove the last second build")?;
    }
    let second = build(&request(variant, &place)?, show)?;
    let differences = compare(&first.dir, &second.dir)?;
    if let Some(difference) = differences.first() {
        bail!(
            "{} differs at {} ({} files differ)",
            difference.file,
            difference.place,
            differences.len()
        );
    }
    Ok(())
}

fn request(variant: &str, place: &Path) -> Result<BuildRequest> {
    Ok(BuildRequest {
        repo: paths::repo()?,
        variant: variant.to_owned(),
        out: place.join("out"),
        cache: paths::cache(),
        locked: false,
    })
}
