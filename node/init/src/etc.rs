//! `/etc`, made in memory at each boot, and the folder of our sockets.

use crate::console::note;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::Path;

/// What the image puts into `/etc`.
const FACTORY: &str = "/usr/lib/ampoule/etc";

/// Copies the image's `/etc` into the empty one.
pub(crate) fn populate() {
    note("Make /etc", copy_tree(Path::new(FACTORY), Path::new("/etc")));
}

/// Makes the folder of the sockets that only root may use.
pub(crate) fn make_run_folder() {
    note("Make /run/ampoule", fs::DirBuilder::new().mode(0o711).create("/run/ampoule"));
}

fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy_entry(&entry.path(), &to.join(entry.file_name()), entry.file_type()?)?;
    }
    Ok(())
}

fn copy_entry(from: &Path, to: &Path, kind: fs::FileType) -> io::Result<()> {
    if kind.is_dir() {
        fs::create_dir_all(to)?;
        copy_tree(from, to)
    } else if kind.is_symlink() {
        symlink(fs::read_link(from)?, to)
    } else {
        fs::copy(from, to).map(drop)
    }
}
