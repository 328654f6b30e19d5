//! Namespaces of a service: what it sees of file systems, network and processes. Everything here runs between fork and exec, in a child with root's rights.

use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::mount::{MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, mount, mount_change, move_mount, open_tree};
use rustix::thread::UnshareFlags;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// What a service sees where it does not see what init sees.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mounts {
    /// Covered by an empty, read-only file system.
    pub hidden: Vec<CString>,
    /// Left writable; all else becomes read-only. One that does not exist is passed over.
    pub writable: Vec<CString>,
    /// All that it sees in `/dev`, directly below it; `None`: the node's own. One that does not exist is passed over.
    pub devices: Option<Vec<CString>>,
    /// Show in `/proc` the processes of the service's user alone.
    pub own_processes: bool,
}

/// Leaves the network, for one without any link.
///
/// # Errors
/// The kernel's.
pub(crate) fn leave_network() -> io::Result<()> {
    unshare(UnshareFlags::NEWNET)
}

/// Takes a copy of the mounts, private but for what goes away later, and closes it. System V IPC objects of others are left behind too.
///
/// # Errors
/// The kernel's.
pub(crate) fn enter(mounts: &Mounts) -> io::Result<()> {
    unshare(UnshareFlags::NEWNS.union(UnshareFlags::NEWIPC))?;
    // What is unmounted on the node is unmounted here too: a container's root must not be held by whoever started while it ran.
    mount_change(c"/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)?;
    if mounts.own_processes {
        let strict = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
        mount(c"proc", c"/proc", c"proc", strict, Some(c"hidepid=invisible"))?;
    }
    mounts.devices.as_deref().map_or(Ok(()), keep_devices)?;
    mounts.hidden.iter().try_for_each(|path| cover(path))?;
    set_read_only(CWD, c"/", true)?;
    mounts.writable.iter().try_for_each(|path| open_for_writing(path))
}

/// A `/dev` with these alone: the devices themselves, mounted on empty files.
fn keep_devices(kept: &[CString]) -> io::Result<()> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_SYMLINK_NOFOLLOW;
    let mut trees = Vec::new();
    for path in kept {
        match open_tree(CWD, path.as_c_str(), flags) {
            Err(rustix::io::Errno::NOENT) => {}
            tree => trees.push((path, tree?)),
        }
    }
    // Not in the namespace of anybody else, and read-only with all else in the end.
    mount(c"devices", c"/dev", c"tmpfs", MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC, Some(c"size=4k,mode=755"))?;
    trees.iter().try_for_each(|(path, tree)| {
        rustix::fs::open(path.as_c_str(), OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(move_mount(tree.as_fd(), c"", CWD, path.as_c_str(), MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?)
    })
}

fn cover(path: &CStr) -> io::Result<()> {
    let strict = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC | MountFlags::RDONLY;
    Ok(mount(c"hidden", path, c"tmpfs", strict, Some(c"size=4k,mode=755"))?)
}

/// The same folder mounted on itself, writable.
fn open_for_writing(path: &CStr) -> io::Result<()> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_RECURSIVE;
    let tree = match open_tree(CWD, path, flags | OpenTreeFlags::AT_SYMLINK_NOFOLLOW) {
        Err(rustix::io::Errno::NOENT) => return Ok(()),
        other => other?,
    };
    set_read_only(tree.as_fd(), c"", false)?;
    Ok(move_mount(tree.as_fd(), c"", CWD, path, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?)
}

/// For the mount at `path` and all below it.
fn set_read_only(folder: BorrowedFd<'_>, path: &CStr, read_only: bool) -> io::Result<()> {
    let (set, clear) = if read_only { (libc::MOUNT_ATTR_RDONLY, 0) } else { (0, libc::MOUNT_ATTR_RDONLY) };
    let attributes = libc::mount_attr { attr_set: set, attr_clr: clear, propagation: 0, userns_fd: 0 };
    let flags = (AtFlags::EMPTY_PATH.bits() as i32 | libc::AT_RECURSIVE) as libc::c_uint;
    // SAFETY: `path` ends in NUL and `attributes` is a whole `mount_attr` of the size given; both outlive the call, which writes to neither.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            folder.as_raw_fd(),
            path.as_ptr(),
            flags,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn unshare(what: UnshareFlags) -> io::Result<()> {
    // SAFETY: only descriptor tables are dangerous to part with, and no flag used here does that.
    Ok(unsafe { rustix::thread::unshare_unsafe(what) }?)
}
