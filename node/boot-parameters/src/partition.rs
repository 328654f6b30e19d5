//! The boot partition of the disk that the root lies on.

use std::{
    fs, io,
    os::{fd::OwnedFd, unix::fs::MetadataExt},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{major, minor},
    mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen},
};

/// Name of the partition (`lib/layout`).
const NAME: &str = "ESP";

/// Its device node; `None` if that disk has none. Another disk's is never taken: it may be another system's.
pub(crate) fn find() -> Option<PathBuf> {
    let root = fs::metadata("/").ok()?;
    let disk = disk_of(Path::new("/sys"), major(root.dev()), minor(root.dev()))?;
    named(&disk, NAME).map(|device| Path::new("/dev").join(device))
}

/// The folder in sysfs of the disk below a block device.
fn disk_of(sys: &Path, major: u32, minor: u32) -> Option<PathBuf> {
    let mut device = fs::canonicalize(sys.join(format!("dev/block/{major}:{minor}"))).ok()?;
    // The root is a mapped device; its data and its hash tree lie on one disk, so either names it.
    if let Some(below) = fs::read_dir(device.join("slaves")).ok().and_then(|mut slaves| slaves.next()) {
        device = fs::canonicalize(below.ok()?.path()).ok()?;
    }
    if device.join("partition").exists() { device.parent().map(Path::to_owned) } else { Some(device) }
}

/// The kernel's name of the partition of a disk that is called `wanted`.
fn named(disk: &Path, wanted: &str) -> Option<String> {
    fs::read_dir(disk).ok()?.flatten().find_map(|child| {
        let facts = fs::read_to_string(child.path().join("uevent")).ok()?;
        let fact = |key: &str| facts.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        (fact("PARTNAME")? == wanted).then(|| fact("DEVNAME").map(str::to_owned))?
    })
}

/// The root folder of the FAT file system on `device`, mounted nowhere: nobody else sees it, and it goes with the descriptor.
///
/// # Errors
/// The kernel's reason.
pub(crate) fn open(device: &Path, writable: bool) -> io::Result<OwnedFd> {
    let context = fsopen("vfat", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(&context, "source", device)?;
    let mut strict = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    if !writable {
        fsconfig_set_flag(&context, "ro")?;
        strict |= MountAttrFlags::MOUNT_ATTR_RDONLY;
    }
    fsconfig_create(&context)?;
    Ok(fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, strict)?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_the_disk_of_the_root_counts() {
        let sys = tempfile::tempdir().expect("folder");
        for (disk, esp) in [("vda", "vda1"), ("vdb", "vdb1")] {
            let folder = sys.path().join("devices").join(disk).join(esp);
            fs::create_dir_all(&folder).expect("folder");
            fs::write(folder.join("partition"), "1\n").expect("number");
            fs::write(folder.join("uevent"), format!("DEVNAME={esp}\nPARTNAME=ESP\n")).expect("facts");
        }
        fs::create_dir_all(sys.path().join("devices/dm-0/slaves")).expect("folder");
        fs::create_dir_all(sys.path().join("dev/block")).expect("folder");
        symlink("../../vdb/vdb1", sys.path().join("devices/dm-0/slaves/vdb1")).expect("link");
        symlink("../../devices/dm-0", sys.path().join("dev/block/252:0")).expect("link");
        let disk = disk_of(sys.path(), 252, 0).expect("disk");
        assert_eq!(named(&disk, "ESP").as_deref(), Some("vdb1"));
        assert_eq!(named(&disk, "STATE"), None);
        assert_eq!(disk_of(sys.path(), 1, 1), None);
    }
}
