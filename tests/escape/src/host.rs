//! How the node's own files are known from the workload's.

use std::{fs::File, os::fd::AsFd, path::Path};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, openat, statat};

/// What only the root of a node has.
const SIGNS: [&str; 4] = ["usr/bin/hostd", "usr/lib/ampoule", "state/settings", "run/ampoule"];

/// Whether the folder behind a descriptor is the root of the node.
pub(crate) fn is_root(folder: impl AsFd) -> bool {
    SIGNS.iter().any(|sign| statat(folder.as_fd(), *sign, AtFlags::empty()).is_ok())
}

/// The same by its path.
pub(crate) fn is_root_at(path: &Path) -> bool {
    File::open(path).is_ok_and(is_root)
}

/// Goes up from a folder as far as there is an up; whether it meets the node's root.
pub(crate) fn is_above(folder: impl AsFd) -> bool {
    let mut here = openat(folder.as_fd(), ".", OFlags::PATH | OFlags::DIRECTORY, Mode::empty());
    for _ in 0..64 {
        match here {
            Ok(folder) if is_root(&folder) => return true,
            Ok(folder) => here = openat(&folder, "..", OFlags::PATH | OFlags::DIRECTORY, Mode::empty()),
            Err(_) => return false,
        }
    }
    false
}

/// The same from the current folder.
pub(crate) fn is_above_here() -> bool {
    is_above(CWD)
}
