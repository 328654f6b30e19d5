//! The same inputs give the same bytes: the image is built a second time, elsewhere and later, and compared. Of its packages only those are
//! made again for which that was not shown before; a long run makes all of them.

use ampoule_builder::{Again, BuildRequest, BuiltImage, reproduce};
use anyhow::{Result, bail};

use crate::{paths, remove, show::Show, testing::tally::Tally};

/// Lets the builder make the image again and names the first difference.
pub(crate) fn check(show: &Show, variant: &str, first: &BuiltImage, which: Again, tally: &mut Tally) {
    match again(show, variant, first, which) {
        Ok(()) => tally.pass(),
        Err(error) => tally.fail("reproducible", &format!("{error:#}")),
    }
}

fn again(show: &Show, variant: &str, first: &BuiltImage, which: Again) -> Result<()> {
    let place = paths::cache().join("second-build");
    show.say("  the image once more, in another folder:");
    let request = BuildRequest {
        repo: paths::repo()?,
        variant: variant.to_owned(),
        out: first.dir.clone(),
        cache: paths::cache(),
        locked: false,
        update_root: None,
    };
    let differences = reproduce(&request, first, &place, which, show)?;
    if let Some(difference) = differences.first() {
        let (file, at, all) = (&difference.file, &difference.place, differences.len());
        bail!("{file} differs at {at} ({all} files differ); compare {} with {}", first.dir.display(), place.display());
    }
    remove::tree(&place)
}
