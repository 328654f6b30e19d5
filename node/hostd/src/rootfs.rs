//! Looking into a container's root file system from the node, without trusting a byte of it.
//!
//! The file system is mounted detached: it has no place in the node's tree, executes nothing and
//! is gone when the descriptor closes. Paths are resolved by the kernel inside it, so that no
//! symbolic link of an image leads out.

use std::{
    fs::File,
    io::{self, Read},
    os::fd::{AsFd, OwnedFd},
};

use ampoule_workload::user::MAX_USER_FILE_BYTES;
use containerd_client::types::Mount;
use rustix::{
    fs::{FileType, Mode, OFlags, ResolveFlags, fstat, openat2},
    io::Errno,
    mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen},
};

use crate::error::HostError;

/// A root file system that is open for looking.
pub(crate) struct Rootfs {
    root: OwnedFd,
}

impl Rootfs {
    /// Opens the file system that `mounts` (as containerd gave them) describe, all in it with `label` if there is one. Its files
    /// have the ids that the image gives them, whatever the mounts would map them to.
    pub(crate) fn open(mounts: &[Mount], label: Option<&str>) -> Result<Self, HostError> {
        let fail = HostError::file("look into", "the container's root file system");
        let [mount] = mounts else {
            return Err(fail(unexpected("more than one mount")));
        };
        if mount.r#type != "overlay" {
            return Err(fail(unexpected(&mount.r#type)));
        }
        open_overlay(&mount.options, label).map(|root| Self { root }).map_err(fail)
    }

    /// The text of a file of the image; empty if there is none. What is not UTF-8 is replaced.
    pub(crate) fn read_text(&self, path: &str) -> Result<String, HostError> {
        match self.read(path) {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(HostError::file("read the image's", path)(error)),
        }
    }

    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        // NONBLOCK: a FIFO that an image has in place of the file must not hold us.
        let file = self.resolve(path, OFlags::RDONLY | OFlags::NONBLOCK)?;
        if FileType::from_raw_mode(fstat(&file)?.st_mode) != FileType::RegularFile {
            return Err(io::Error::other("not a regular file"));
        }
        let mut bytes = Vec::new();
        File::from(file).take(MAX_USER_FILE_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// A folder of the image, or `None` if it has none at this path.
    pub(crate) fn folder(&self, path: &str) -> Result<Option<OwnedFd>, HostError> {
        match self.resolve(path, OFlags::RDONLY | OFlags::DIRECTORY) {
            Ok(folder) => Ok(Some(folder)),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(error) => Err(HostError::file("open the image's", path)(error)),
        }
    }

    fn resolve(&self, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        let inside = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        openat2(self.root.as_fd(), path, flags | OFlags::CLOEXEC, Mode::empty(), inside)
    }
}

fn unexpected(what: &str) -> io::Error {
    io::Error::other(format!("containerd describes it in a way we do not know ({what})"))
}

fn open_overlay(options: &[String], label: Option<&str>) -> io::Result<OwnedFd> {
    let context = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
    for option in options {
        match option.split_once('=') {
            // One by one: images have more layers than one string may name.
            Some(("lowerdir", layers)) => {
                layers.split(':').try_for_each(|layer| fsconfig_set_string(&context, "lowerdir+", layer))?;
            }
            // Not the kernel's: containerd's own words for mapping the layers.
            Some(("uidmap" | "gidmap", _)) => {}
            Some((key, value)) => fsconfig_set_string(&context, key, value)?,
            None => fsconfig_set_flag(&context, option.as_str())?,
        }
    }
    if let Some(label) = label {
        fsconfig_set_string(&context, "context", label)?;
    }
    fsconfig_create(&context)?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    Ok(fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)?)
}
