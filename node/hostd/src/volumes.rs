//! Volumes: durable folders below one root. A new one begins with what the image has at its path,
//! content and owners, so that images which prepare their data folder run unchanged.

use std::{
    ffi::CStr,
    fs::File,
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
};

use ampoule_workload::{
    Isolation, Volume,
    domain::{file_label, shared_file_label},
};
use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Gid, Mode, OFlags, Stat, Uid, chownat, fchmod, fchown, fstat, mkdirat, openat, readlinkat, statat,
    symlinkat, syncfs,
};

use crate::{
    error::HostError,
    files::make_folder,
    quota::{self, Quota},
    rootfs::Rootfs,
    selinux,
};

/// Folders deeper than this are not copied: no data folder of an image is, and the stack is finite.
const MAX_DEPTH: usize = 64;

/// The workload that has volumes.
pub(crate) struct Owner<'a> {
    /// Its number.
    pub(crate) isolation: Isolation,
    /// Whether files must have its label.
    pub(crate) selinux: bool,
    /// For whom files count.
    pub(crate) quota: &'a Quota,
}

/// Makes the folders of `volumes` below `root` that do not exist yet, and gives all of them the label of `owner`, or that of what is
/// shared; what is in them counts for the owner, or for the shared volume itself.
pub(crate) fn prepare(root: &Path, volumes: &[Volume], image: &Rootfs, owner: &Owner<'_>) -> Result<(), HostError> {
    make_folder(root)?;
    volumes.iter().try_for_each(|volume| prepare_one(root, volume, image, owner))
}

fn prepare_one(root: &Path, volume: &Volume, image: &Rootfs, owner: &Owner<'_>) -> Result<(), HostError> {
    let (place, project) = (root.join(&volume.name), owner.quota.project_of(volume, owner.isolation)?);
    if !place.exists() {
        make(root, volume, image, project)?;
    } else if let Some(project) = project {
        quota::give_tree(&place, project)?;
    }
    if owner.selinux {
        let label = if volume.shared { shared_file_label() } else { file_label(owner.isolation) };
        selinux::label_tree(&place, &label)?;
    }
    Ok(())
}

/// Filled beside its place and then renamed: a volume that exists is whole, whenever the power goes. It counts for `project` before it is
/// filled: what an image has there counts too.
fn make(root: &Path, volume: &Volume, image: &Rootfs, project: Option<u32>) -> Result<(), HostError> {
    let (place, draft) = (root.join(&volume.name), root.join(format!(".new-{}", volume.name)));
    if draft.exists() {
        std::fs::remove_dir_all(&draft).map_err(HostError::file("clear", &draft))?;
    }
    make_folder(&draft)?;
    if let Some(project) = project {
        quota::give(&draft, project)?;
    }
    let filled = fill(&draft, image.folder(&volume.path)?);
    filled.map_err(HostError::file("fill the new volume", &place))?;
    std::fs::rename(&draft, &place).map_err(HostError::file("make the volume", &place))?;
    log::info!("volume {} is new", volume.name);
    Ok(())
}

fn fill(draft: &Path, from: Option<OwnedFd>) -> io::Result<()> {
    let to = openat(CWD, draft, folder_flags(), Mode::empty())?;
    match from {
        Some(from) => {
            copy_folder(from.as_fd(), to.as_fd(), 0)?;
            copy_owner(to.as_fd(), &fstat(&from)?)?;
        }
        None => give(to.as_fd(), Uid::ROOT, Gid::ROOT, 0o755)?,
    }
    syncfs(&to)?;
    Ok(())
}

fn folder_flags() -> OFlags {
    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC
}

fn copy_folder(from: BorrowedFd<'_>, to: BorrowedFd<'_>, depth: usize) -> io::Result<()> {
    if depth > MAX_DEPTH {
        return Err(io::Error::other(format!("the image's folder is more than {MAX_DEPTH} folders deep")));
    }
    for entry in Dir::read_from(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if name != c"." && name != c".." {
            copy_entry(from, to, name, depth)?;
        }
    }
    Ok(())
}

/// Devices, sockets and FIFOs are left out: they are no data.
fn copy_entry(from: BorrowedFd<'_>, to: BorrowedFd<'_>, name: &CStr, depth: usize) -> io::Result<()> {
    let stat = statat(from, name, AtFlags::SYMLINK_NOFOLLOW)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => {
            let source = openat(from, name, folder_flags(), Mode::empty())?;
            mkdirat(to, name, Mode::RWXU)?;
            let target = openat(to, name, folder_flags(), Mode::empty())?;
            copy_folder(source.as_fd(), target.as_fd(), depth + 1)?;
            copy_owner(target.as_fd(), &stat)
        }
        FileType::RegularFile => copy_file(from, to, name, &stat),
        FileType::Symlink => {
            symlinkat(readlinkat(from, name, Vec::new())?, to, name)?;
            Ok(chownat(to, name, Some(owner(&stat)), Some(group(&stat)), AtFlags::SYMLINK_NOFOLLOW)?)
        }
        _ => Ok(()),
    }
}

fn copy_file(from: BorrowedFd<'_>, to: BorrowedFd<'_>, name: &CStr, stat: &Stat) -> io::Result<()> {
    let reading = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let writing = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let mut source = File::from(openat(from, name, reading, Mode::empty())?);
    let mut target = File::from(openat(to, name, writing, Mode::RUSR | Mode::WUSR)?);
    io::copy(&mut source, &mut target)?;
    copy_owner(target.as_fd(), stat)
}

fn copy_owner(to: BorrowedFd<'_>, stat: &Stat) -> io::Result<()> {
    give(to, owner(stat), group(stat), stat.st_mode & 0o7777)
}

/// Owner first: changing it takes set-id bits away.
fn give(to: BorrowedFd<'_>, owner: Uid, group: Gid, mode: u32) -> io::Result<()> {
    fchown(to, Some(owner), Some(group))?;
    Ok(fchmod(to, Mode::from_raw_mode(mode))?)
}

fn owner(stat: &Stat) -> Uid {
    Uid::from_raw(stat.st_uid)
}

fn group(stat: &Stat) -> Gid {
    Gid::from_raw(stat.st_gid)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_new_volume_has_what_the_image_has() {
        let dir = tempfile::tempdir().expect("folder");
        let (image, draft) = (dir.path().join("image"), dir.path().join("draft"));
        std::fs::create_dir_all(image.join("sub/deep")).expect("folders");
        std::fs::create_dir(&draft).expect("folder");
        std::fs::write(image.join("sub/deep/file"), "text").expect("file");
        std::fs::set_permissions(image.join("sub"), std::fs::Permissions::from_mode(0o2750)).expect("mode");
        symlink("/etc/shadow", image.join("link")).expect("link");
        let from = openat(CWD, &image, folder_flags(), Mode::empty()).expect("open");
        fill(&draft, Some(from)).expect("filled");
        assert_eq!(std::fs::read_to_string(draft.join("sub/deep/file")).expect("copied"), "text");
        assert_eq!(std::fs::metadata(draft.join("sub")).expect("there").permissions().mode() & 0o7777, 0o2750);
        assert_eq!(std::fs::read_link(draft.join("link")).expect("link"), Path::new("/etc/shadow"));
    }

    #[test]
    fn a_volume_without_a_folder_in_the_image_is_empty() {
        let dir = tempfile::tempdir().expect("folder");
        fill(dir.path(), None).expect("filled");
        assert_eq!(std::fs::read_dir(dir.path()).expect("there").count(), 0);
    }
}
