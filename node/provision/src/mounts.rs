//! A file system on a device, opened without being mounted anywhere: nobody else sees it, and it goes when the descriptor does.

use ampoule_provision::volume::FileSystem;
use rustix::fs::{Mode, OFlags, openat};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

/// The root folder of the file system on `device`, read-only.
///
/// # Errors
/// The kernel's refusal.
pub(crate) fn open(device: &Path, file_system: FileSystem) -> io::Result<OwnedFd> {
    let context = fsopen(file_system.kernel_name(), FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(&context, "source", device)?;
    fsconfig_set_flag(&context, "ro")?;
    if file_system == FileSystem::Ext4 {
        // Its own superblock may ask for a panic at the first error, and its journal would be written to the device.
        fsconfig_set_string(&context, "errors", "continue")?;
        fsconfig_set_flag(&context, "noload")?;
    }
    fsconfig_create(&context)?;
    let strict = MountAttrFlags::MOUNT_ATTR_RDONLY
        | MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC
        | MountAttrFlags::MOUNT_ATTR_NOSYMFOLLOW;
    let mount = fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, strict)?;
    // What fsmount gives is a place only (O_PATH) and cannot be listed.
    Ok(openat(&mount, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
}
