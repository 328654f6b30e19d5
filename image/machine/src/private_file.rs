//! Files with keys in them.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result};

/// Writes a file that its owner alone may read, made anew so that an older one's looser mode does not stay.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let _ = fs::remove_file(path);
    let made = File::options().write(true).create_new(true).mode(0o600).open(path);
    made.and_then(|mut file| file.write_all(bytes)).with_context(|| format!("cannot write {}", path.display()))
}
