//! SELinux as `hostd` needs it: whether it is in force, and labels on what a workload gets.

use std::{
    ffi::{CStr, CString, OsStr},
    io,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd},
        unix::ffi::OsStrExt,
    },
    path::Path,
};

use rustix::{
    fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, XattrFlags, lgetxattr, lsetxattr, openat, statat},
    io::Errno,
};

use crate::error::HostError;

const ATTRIBUTE: &str = "security.selinux";
/// The kernel's own file system (`security/selinux/selinuxfs.c`); its folder is there if the kernel has SELinux at all.
const SELINUXFS: &str = "/sys/fs/selinux";
/// What every process is called until a policy is loaded (`security/selinux/ss/services.c`, initial SIDs).
const WITHOUT_POLICY: &str = "kernel";
/// Longest label that is looked at, in bytes: ours are under 80.
const MAX_LABEL: usize = 256;
/// Folders deeper than this are not labelled, and their volume is not used: the stack is finite.
const MAX_DEPTH: usize = 256;

/// Whether a policy is loaded. One that is loaded where the container runtime cannot see it is an error: it would start what it was
/// asked to label without a label.
pub(crate) fn is_live() -> Result<bool, HostError> {
    let place = Path::new(SELINUXFS);
    if !place.exists() {
        return Ok(false);
    }
    let current = Path::new("/proc/self/attr/current");
    let label = std::fs::read_to_string(current).map_err(HostError::file("read", current))?;
    decide(&label, place.join("enforce").exists()).map_err(HostError::file("use", place))
}

fn decide(label: &str, mounted: bool) -> io::Result<bool> {
    match label.trim_end_matches(['\0', '\n']) {
        WITHOUT_POLICY | "" => Ok(false),
        _ if mounted => Ok(true),
        _ => Err(io::Error::other("a policy is loaded and the file system is not mounted; no workload is started without its label")),
    }
}

/// Gives `path` itself a label.
pub(crate) fn label(path: &Path, label: &str) -> Result<(), HostError> {
    lsetxattr(path, ATTRIBUTE, label.as_bytes(), XattrFlags::empty()).map_err(HostError::file("label", path))
}

/// Gives a folder and all in it a label. One that has it already is not looked into: this costs time only when it is new or has
/// another owner.
pub(crate) fn label_tree(folder: &Path, wanted: &str) -> Result<(), HostError> {
    if has_label(folder, wanted) {
        return Ok(());
    }
    let inside = openat(CWD, folder, folder_flags(), Mode::empty()).map_err(io::Error::from);
    let done = inside.and_then(|inside| label_entries(inside.as_fd(), wanted, 0));
    done.map_err(HostError::file("label what is in", folder))?;
    // Last: if this was cut short, the next start goes on.
    label(folder, wanted)
}

fn has_label(path: &Path, wanted: &str) -> bool {
    let mut buffer = [0; MAX_LABEL];
    lgetxattr(path, ATTRIBUTE, &mut buffer)
        .is_ok_and(|length| buffer[..length].strip_suffix(b"\0").unwrap_or(&buffer[..length]) == wanted.as_bytes())
}

fn folder_flags() -> OFlags {
    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC
}

/// A workload that has the volume may move things about meanwhile: every step is from a folder that is open, and follows no link.
fn label_entries(folder: BorrowedFd<'_>, wanted: &str, depth: usize) -> io::Result<()> {
    if depth > MAX_DEPTH {
        return Err(io::Error::other(format!("a folder is more than {MAX_DEPTH} folders deep; remove it")));
    }
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if name != c"." && name != c".." {
            gone_is_fine(label_entry(folder, name, wanted, depth))?;
        }
    }
    Ok(())
}

fn label_entry(folder: BorrowedFd<'_>, name: &CStr, wanted: &str, depth: usize) -> io::Result<()> {
    let kind = FileType::from_raw_mode(statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?.st_mode);
    if kind == FileType::Directory {
        let inside = openat(folder, name, folder_flags(), Mode::empty())?;
        label_entries(inside.as_fd(), wanted, depth + 1)?;
    }
    // There is no `lsetxattrat` in this kernel; through the open folder the way to the last part is fixed all the same.
    let path = Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(OsStr::from_bytes(name.to_bytes()));
    let path = CString::new(path.as_os_str().as_bytes())?;
    Ok(lsetxattr(path, ATTRIBUTE, wanted.as_bytes(), XattrFlags::empty())?)
}

fn gone_is_fine(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.raw_os_error() == Some(Errno::NOENT.raw_os_error()) => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn live_only_with_a_policy_and_never_half() {
        assert!(!decide("kernel\0", true).expect("no policy"));
        assert!(!decide("kernel", false).expect("no policy"));
        assert!(decide("system_u:system_r:hostd_t:s0\0", true).expect("in force"));
        assert!(decide("system_u:system_r:hostd_t:s0", false).is_err());
    }

    /// Without SELinux in the kernel the attribute is any other one. Needs root (CAP_SYS_ADMIN for `security.*`); says so and passes without.
    #[test]
    fn a_tree_is_labelled_once_and_links_are_not_followed() {
        let dir = tempfile::tempdir().expect("folder");
        let (volume, outside) = (dir.path().join("volume"), dir.path().join("outside"));
        std::fs::create_dir_all(volume.join("a/b")).expect("folders");
        std::fs::write(volume.join("a/b/file"), "").expect("file");
        std::fs::write(&outside, "").expect("file");
        symlink(&outside, volume.join("link")).expect("link");
        let wanted = "system_u:object_r:container_file_t:s0:c1,c2";
        if let Err(why) = label_tree(&volume, wanted) {
            assert!(std::env::var_os("AMPOULE_REQUIRE_KERNEL").is_none(), "{why}");
            return eprintln!("skipped: {why}");
        }
        for path in ["", "a", "a/b", "a/b/file", "link"] {
            assert!(has_label(&volume.join(path), wanted), "{path}");
        }
        assert!(!has_label(&outside, wanted), "a link was followed");
        std::fs::write(volume.join("later"), "").expect("file");
        label_tree(&volume, wanted).expect("the same again");
        assert!(!has_label(&volume.join("later"), wanted), "a labelled tree is walked again at each start");
    }
}
