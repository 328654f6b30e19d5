//! The boot partition: a FAT file system that is mounted nowhere.

use std::{io, os::fd::OwnedFd, path::Path, thread, time::Duration};

use rustix::io::Errno;
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen};

/// Name of the partition (`lib/layout`).
pub const NAME: &str = "ESP";

/// How often, and how long apart, it is tried while another program has the file system open in the other mode (to read only, or to write as well): that takes moments.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(100);

/// The root folder of the FAT file system on `device`, mounted nowhere: nobody else sees it, and it goes with the descriptor.
///
/// # Errors
/// The kernel's reason.
pub fn open(device: &Path, writable: bool) -> io::Result<OwnedFd> {
    let busy = |opened: &rustix::io::Result<OwnedFd>| matches!(opened, Err(Errno::BUSY));
    let mut opened = open_once(device, writable);
    for _ in 1..TRIES {
        if !busy(&opened) {
            break;
        }
        thread::sleep(PAUSE);
        opened = open_once(device, writable);
    }
    Ok(opened?)
}

fn open_once(device: &Path, writable: bool) -> rustix::io::Result<OwnedFd> {
    let context = fsopen("vfat", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(&context, "source", device)?;
    // FAT knows no owners. Whoever holds the folder may use it, whatever their user: nobody else comes to it.
    fsconfig_set_string(&context, "umask", "0")?;
    let mut strict = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    if !writable {
        fsconfig_set_flag(&context, "ro")?;
        strict |= MountAttrFlags::MOUNT_ATTR_RDONLY;
    }
    fsconfig_create(&context)?;
    fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, strict)
}
