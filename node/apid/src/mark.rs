//! Which generation files and services of this boot were last given: how a restart of this program in the same boot knows whom it must still tell.

use crate::options::Options;
use std::path::PathBuf;

fn path(options: &Options) -> PathBuf {
    // On a tmpfs: gone with the boot, as the files in /etc are.
    options.run.join("apid/applied")
}

/// The number left in this boot; `None`: nothing was applied in it yet.
pub(crate) fn read(options: &Options) -> Option<u64> {
    std::fs::read_to_string(path(options)).ok()?.trim().parse().ok()
}

/// Leaves a number. Without it the next start tells services once too often.
pub(crate) fn write(options: &Options, number: u64) {
    let path = path(options);
    if let Err(error) = ampoule_files::replace(&path, number.to_string().as_bytes(), 0o644) {
        log::warn!("Cannot write {}: {error}", path.display());
    }
}
