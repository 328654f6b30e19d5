//! Project quotas: what the files of one project take of a file system, and the most they may take (`quotactl_fd(2)`, `ioctl_xfs_fsgetxattr(2)`).

use std::{
    io,
    os::fd::{AsFd, AsRawFd},
};

/// Quotas of projects, not of users or groups (`linux/quota.h`).
const PRJQUOTA: libc::c_int = 2;
const Q_GETQUOTA: libc::c_int = 0x80_0007;
const Q_SETQUOTA: libc::c_int = 0x80_0008;
/// `XQM_CMD(8)` of `linux/dqblk_xfs.h`: what is counted and enforced. Other file systems than XFS answer it too.
const Q_XGETQSTATV: libc::c_int = 0x5808;
/// Version of [`Standing`].
const FS_QSTATV_VERSION1: i8 = 1;
/// Limits of projects are enforced.
const FS_QUOTA_PDQ_ENFD: u16 = 1 << 5;
/// The fields of [`libc::dqblk`] that `Q_SETQUOTA` shall take: the limits of blocks and of inodes.
const QIF_LIMITS: u32 = 1 | 4;
/// Limits of blocks are counted in these (`QIF_DQBLKSIZE`), in bytes.
const LIMIT_UNIT: u64 = 1024;

/// `_IOR('X', 31, struct fsxattr)`.
const FS_IOC_FSGETXATTR: u32 = 0x801c_581f;
/// `_IOW('X', 32, struct fsxattr)`.
const FS_IOC_FSSETXATTR: u32 = 0x401c_5820;
/// What is made in the folder is of its project.
const FS_XFLAG_PROJINHERIT: u32 = 0x200;

/// `struct fsxattr` of `linux/fs.h`.
#[repr(C)]
#[derive(Default)]
struct Attributes {
    flags: u32,
    extent_size: u32,
    extents: u32,
    project: u32,
    copy_extent_size: u32,
    pad: [u8; 8],
}

/// `struct fs_quota_statv` of `linux/dqblk_xfs.h`.
#[repr(C)]
#[derive(Default)]
struct Standing {
    version: i8,
    pad: u8,
    flags: u16,
    in_memory: u32,
    /// Three times inode, blocks, extents and padding; then limits of time and room for more.
    rest: [u64; 19],
}

/// An amount of a file system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// Bytes.
    pub bytes: u64,
    /// Inodes: files, folders, links.
    pub inodes: u64,
}

/// Whether the file system that `place` lies on holds projects to their limits. `false` too if it has no quotas at all.
///
/// # Errors
/// The kernel's answer where it says neither, as `EACCES` when the policy forbids asking.
pub fn is_enforced(place: impl AsFd) -> io::Result<bool> {
    let mut standing = Standing { version: FS_QSTATV_VERSION1, ..Standing::default() };
    // SAFETY: Q_XGETQSTATV reads the version and writes one `fs_quota_statv`, whose layout `Standing` repeats; it outlives the call.
    let answer = unsafe { quotactl(&place, Q_XGETQSTATV, 0, (&raw mut standing).cast()) };
    match answer {
        Ok(()) => Ok(standing.flags & FS_QUOTA_PDQ_ENFD != 0),
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::ESRCH | libc::EOPNOTSUPP | libc::EINVAL)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// From now on the files of `project` may take `limit` of the file system that `place` lies on; what they have beyond it they keep. Bytes count
/// in whole KiB. Zero is no limit.
///
/// # Errors
/// The kernel's answer: `ESRCH` without quotas, `EPERM` without `CAP_SYS_ADMIN`.
pub fn set_limit(place: impl AsFd, project: u32, limit: Amount) -> io::Result<()> {
    let mut block = empty();
    block.dqb_bhardlimit = limit.bytes / LIMIT_UNIT;
    block.dqb_ihardlimit = limit.inodes;
    block.dqb_valid = QIF_LIMITS;
    // SAFETY: Q_SETQUOTA reads one `if_dqblk`, which `libc::dqblk` is; it outlives the call.
    unsafe { quotactl(&place, Q_SETQUOTA, project, (&raw mut block).cast()) }
}

/// What the files of `project` take now, and their limit.
///
/// # Errors
/// As [`set_limit`].
pub fn usage(place: impl AsFd, project: u32) -> io::Result<(Amount, Amount)> {
    let mut block = empty();
    // SAFETY: Q_GETQUOTA writes one `if_dqblk`, which `libc::dqblk` is; it outlives the call.
    unsafe { quotactl(&place, Q_GETQUOTA, project, (&raw mut block).cast()) }?;
    let used = Amount { bytes: block.dqb_curspace, inodes: block.dqb_curinodes };
    let limit = Amount { bytes: block.dqb_bhardlimit.saturating_mul(LIMIT_UNIT), inodes: block.dqb_ihardlimit };
    Ok((used, limit))
}

/// The project of an open file or folder.
///
/// # Errors
/// The kernel's answer; `ENOTTY` if its file system has no projects.
pub fn project(file: impl AsFd) -> io::Result<u32> {
    Ok(attributes(&file)?.project)
}

/// Gives an open file or folder to `project`, and with a folder all that will be made in it.
///
/// # Errors
/// The kernel's answer: `EOPNOTSUPP` if its file system has no projects, `EPERM` if it is another's, `EINVAL` from within a user namespace.
pub fn set_project(file: impl AsFd, project: u32, is_folder: bool) -> io::Result<()> {
    let mut attributes = attributes(&file)?;
    attributes.project = project;
    if is_folder {
        attributes.flags |= FS_XFLAG_PROJINHERIT;
    }
    // SAFETY: FS_IOC_FSSETXATTR reads one `fsxattr`, whose layout `Attributes` repeats; it outlives the call.
    check(unsafe { libc::ioctl(file.as_fd().as_raw_fd(), FS_IOC_FSSETXATTR as _, &raw const attributes) }.into())
}

fn attributes(file: &impl AsFd) -> io::Result<Attributes> {
    let mut attributes = Attributes::default();
    // SAFETY: FS_IOC_FSGETXATTR writes one `fsxattr`, whose layout `Attributes` repeats; it outlives the call.
    check(unsafe { libc::ioctl(file.as_fd().as_raw_fd(), FS_IOC_FSGETXATTR as _, &raw mut attributes) }.into())?;
    Ok(attributes)
}

fn empty() -> libc::dqblk {
    // SAFETY: plain numbers, for which zeros are a value.
    unsafe { std::mem::zeroed() }
}

/// # Safety
/// `data` is what `command` reads and writes, and lives until this returns.
unsafe fn quotactl(place: &impl AsFd, command: libc::c_int, id: u32, data: *mut libc::c_void) -> io::Result<()> {
    let command = command << 8 | PRJQUOTA;
    // SAFETY: the caller's word about `data`; the others are numbers.
    check(unsafe { libc::syscall(libc::SYS_quotactl_fd, place.as_fd().as_raw_fd(), command, id, data) })
}

fn check(answer: libc::c_long) -> io::Result<()> {
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_are_the_kernels() {
        assert_eq!((size_of::<Attributes>(), size_of::<Standing>(), size_of::<libc::dqblk>()), (28, 160, 72));
        assert_eq!(std::mem::offset_of!(Attributes, project), 12);
    }

    /// What lives in memory has no projects.
    #[test]
    fn a_file_system_without_quotas_says_so() {
        let place = std::fs::File::open("/proc").expect("open");
        assert!(!is_enforced(&place).expect("an answer"));
        assert!(usage(&place, 1).is_err() && set_limit(&place, 1, Amount::default()).is_err());
        assert!(project(&place).is_err() && set_project(&place, 1, true).is_err());
    }
}
