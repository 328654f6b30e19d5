//! SELinux as `hostd` needs it: whether it is in force, and labels on what a workload gets.

use std::{
    ffi::{CStr, CString, OsStr},
    io,
    os::{
        fd::{AsRawFd, BorrowedFd},
        unix::ffi::OsStrExt,
    },
    path::Path,
};

use rustix::fs::{XattrFlags, lgetxattr, lsetxattr};

use crate::{error::HostError, tree};

const ATTRIBUTE: &str = "security.selinux";
/// The kernel's own file system (`security/selinux/selinuxfs.c`); its folder is there if the kernel has SELinux at all.
const SELINUXFS: &str = "/sys/fs/selinux";
/// What every process is called until a policy is loaded (`security/selinux/ss/services.c`, initial SIDs).
const WITHOUT_POLICY: &str = "kernel";
/// Longest label that is looked at, in bytes: ours are under 80.
const MAX_LABEL: usize = 256;

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
    // A workload that has the volume may move things about meanwhile.
    let done = tree::for_each(folder, &mut |folder, name, _| label_entry(folder, name, wanted));
    done.map_err(HostError::file("label what is in", folder))?;
    // Last: if this was cut short, the next start goes on.
    label(folder, wanted)
}

fn has_label(path: &Path, wanted: &str) -> bool {
    let mut buffer = [0; MAX_LABEL];
    lgetxattr(path, ATTRIBUTE, &mut buffer)
        .is_ok_and(|length| buffer[..length].strip_suffix(b"\0").unwrap_or(&buffer[..length]) == wanted.as_bytes())
}

fn label_entry(folder: BorrowedFd<'_>, name: &CStr, wanted: &str) -> io::Result<()> {
    // There is no `lsetxattrat` in this kernel; through the open folder the way to the last part is fixed all the same.
    let path = Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(OsStr::from_bytes(name.to_bytes()));
    let path = CString::new(path.as_os_str().as_bytes())?;
    Ok(lsetxattr(path, ATTRIBUTE, wanted.as_bytes(), XattrFlags::empty())?)
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
