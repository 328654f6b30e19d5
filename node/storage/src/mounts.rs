//! Mounting, and what stands in when a partition cannot be used.

use std::{ffi::CString, fs, io, path::Path};

use rustix::mount::{MountFlags, mount};

use crate::error::StorageError;

/// What every writable place of the node has.
fn flags() -> MountFlags {
    MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC | MountFlags::NOATIME
}

/// Mounts the ext4 on `device`; the kernel replays its journal. `options` name the label of its root folder, from which all below have theirs.
pub(crate) fn ext4(device: &Path, target: &Path, options: &str) -> Result<(), StorageError> {
    let mounted = text(options).and_then(|options| Ok(mount(device, target, "ext4", flags(), options.as_c_str())?));
    mounted.map_err(|source| StorageError::Mount { device: device.to_owned(), source })
}

/// A memory file system of at most `options`' size.
pub(crate) fn memory(target: &Path, options: &str) -> Result<(), StorageError> {
    let mounted = text(options).and_then(|options| Ok(mount("tmpfs", target, "tmpfs", flags(), options.as_c_str())?));
    mounted.map_err(StorageError::io("mount a memory file system at", target))
}

/// As the kernel takes it.
fn text(options: &str) -> io::Result<CString> {
    Ok(CString::new(options)?)
}

/// The type of the file system mounted at `target` itself, if there is one.
pub(crate) fn mounted_type(target: &Path) -> io::Result<Option<String>> {
    let table = fs::read_to_string("/proc/self/mountinfo")?;
    Ok(type_in(&table, target).map(str::to_owned))
}

/// The last line counts: it lies on top.
fn type_in<'a>(table: &'a str, target: &Path) -> Option<&'a str> {
    let here = |line: &&str| line.split(' ').nth(4).is_some_and(|place| Path::new(place) == target);
    table.lines().rfind(here)?.split(" - ").nth(1)?.split(' ').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_place_itself_counts() {
        let table = "22 1 254:2 / / ro - erofs /dev/root ro\n30 22 0:5 / /var/lib/x rw - tmpfs t rw\n";
        assert_eq!(type_in(table, Path::new("/var/lib/x")), Some("tmpfs"));
        assert_eq!(type_in(table, Path::new("/")), Some("erofs"));
        assert_eq!(type_in(table, Path::new("/var")), None);
    }
}
