//! Folders, links and devices of a service, made its own before it starts.

use ampoule_supervise::identity::User;
use ampoule_supervise::service::ServiceFile;
use rustix::fs::{AtFlags, CWD, Dir, FileType, Gid, Mode, OFlags, Uid, chmodat, chownat, mkdirat, openat, statat};
use rustix::io::Errno;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

/// For the service and its group.
const RUN_MODE: Mode = Mode::from_raw_mode(0o750);
/// For the service alone.
const OWN_MODE: Mode = Mode::from_raw_mode(0o700);
/// For root and the service's group.
const GROUP_MODE: Mode = Mode::from_raw_mode(0o660);
/// Most entries given to a service at one start: more than any of ours keeps, and an end to what PID 1 can be made to do.
const MOST_ENTRIES: usize = 65_536;
/// Deepest folder given: ours are three deep.
const MOST_DEPTH: usize = 16;

/// Makes everything that the file of a service lists.
///
/// # Errors
/// A folder below `/run` or a link cannot be made.
pub(crate) fn make(file: &ServiceFile) -> io::Result<()> {
    let user = file.rights.user;
    let group = file.directories.group.unwrap_or(user);
    for folder in &file.directories.run {
        let made = make_folders(&format!("/run/{folder}"), RUN_MODE)?;
        rustix::fs::fchown(&made, owner(user), Some(Gid::from_raw(group.id())))?;
        rustix::fs::fchmod(&made, RUN_MODE)?;
    }
    for folder in &file.directories.own {
        // STATE may be missing on a node whose disk is broken; the service decides what that means to it.
        crate::console::note(&format!("{folder} for {}", user.name()), own(folder, user));
    }
    file.directories.links.iter().try_for_each(|(link, target)| make_link(link, target))?;
    for device in &file.rights.devices {
        crate::console::note(&format!("{device} for {}", user.name()), open_to_group(device, user));
    }
    Ok(())
}

/// Opens each part of the path without following a link, and makes what is missing.
fn make_folders(path: &str, mode: Mode) -> io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut folder = openat(CWD, "/", flags, Mode::empty())?;
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    for (number, part) in parts.iter().enumerate() {
        // What lies between belongs to root, and others pass through it.
        let mode = if number + 1 == parts.len() { mode } else { Mode::from_raw_mode(0o755) };
        folder = match openat(&folder, *part, flags, Mode::empty()) {
            Err(Errno::NOENT) => {
                mkdirat(&folder, *part, mode)?;
                openat(&folder, *part, flags, Mode::empty())?
            }
            other => other?,
        };
    }
    Ok(folder)
}

/// Gives a folder and all in it to `user`, once: one that is his already is not looked into.
fn own(path: &str, user: User) -> io::Result<()> {
    let folder = make_folders(path, OWN_MODE)?;
    if rustix::fs::fstat(&folder)?.st_uid == user.id() {
        return Ok(());
    }
    let mut left = MOST_ENTRIES;
    give(&folder, user, &mut left, MOST_DEPTH)?;
    // Last: if this was cut short, the next start goes on.
    Ok(rustix::fs::fchown(&folder, owner(user), group(user))?)
}

/// Links are given, not followed; what lies on another file system stays as it is.
fn give(folder: &OwnedFd, user: User, left: &mut usize, depth: usize) -> io::Result<()> {
    let device = rustix::fs::fstat(folder)?.st_dev;
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        if matches!(entry.file_name().to_bytes(), b"." | b"..") {
            continue;
        }
        *left = left.checked_sub(1).ok_or_else(|| io::Error::other("holds too much to be given to a service"))?;
        let facts = statat(folder, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW)?;
        if facts.st_dev != device {
            continue;
        }
        if FileType::from_raw_mode(facts.st_mode) == FileType::Directory {
            let depth = depth.checked_sub(1).ok_or_else(|| io::Error::other("is too deep to be given to a service"))?;
            let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let below = openat(folder, entry.file_name(), flags, Mode::empty())?;
            give(&below, user, left, depth)?;
        }
        chownat(folder, entry.file_name(), owner(user), group(user), AtFlags::SYMLINK_NOFOLLOW)?;
    }
    Ok(())
}

fn make_link(link: &str, target: &str) -> io::Result<()> {
    match rustix::fs::symlink(target, link) {
        Err(Errno::EXIST) if std::fs::read_link(link).is_ok_and(|there| there == Path::new(target)) => Ok(()),
        other => Ok(other?),
    }
}

/// A device or a socket stays root's; the group of `user` may read and write it.
pub(crate) fn open_to_group(path: &str, user: User) -> io::Result<()> {
    chownat(CWD, path, None, group(user), AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(chmodat(CWD, path, GROUP_MODE, AtFlags::empty())?)
}

fn owner(user: User) -> Option<Uid> {
    Some(Uid::from_raw(user.id()))
}

fn group(user: User) -> Option<Gid> {
    Some(Gid::from_raw(user.id()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, symlink};

    /// Giving files away takes root; without it one test has nothing to look at, and says so.
    fn is_root() -> bool {
        rustix::process::geteuid().is_root()
    }

    fn place(name: &str) -> String {
        let path = std::env::temp_dir().join(format!("ampoule-folders-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("folder");
        path.canonicalize().expect("there").display().to_string()
    }

    #[test]
    fn what_a_link_points_at_is_not_given() {
        if !is_root() {
            return eprintln!("skipped: only root gives files away");
        }
        let place = place("give");
        let (mine, other) = (format!("{place}/mine"), format!("{place}/other"));
        for folder in [format!("{mine}/deep"), other.clone()] {
            std::fs::create_dir_all(folder).expect("folder");
        }
        std::fs::write(format!("{other}/secret"), "x").expect("written");
        std::fs::write(format!("{mine}/deep/file"), "x").expect("written");
        symlink(format!("{other}/secret"), format!("{mine}/link")).expect("link");
        symlink(&other, format!("{mine}/folder-link")).expect("link");
        let user = User::named("logd").expect("known");
        own(&mine, user).expect("given");
        let uid = |path: &str| std::fs::symlink_metadata(format!("{place}/{path}")).expect("there").uid();
        for given in ["mine", "mine/deep", "mine/deep/file", "mine/link", "mine/folder-link"] {
            assert_eq!(uid(given), user.id(), "{given}");
        }
        for kept in ["other", "other/secret"] {
            assert_eq!(uid(kept), 0, "{kept}");
        }
        std::fs::remove_dir_all(&place).expect("removed");
    }

    #[test]
    fn a_link_in_the_way_is_refused() {
        let place = place("link");
        symlink("/etc", format!("{place}/way")).expect("link");
        assert!(make_folders(&format!("{place}/way/x"), OWN_MODE).is_err());
        assert!(make_folders(&format!("{place}/new/x"), OWN_MODE).is_ok());
        std::fs::remove_dir_all(&place).expect("removed");
    }

    #[test]
    fn a_folder_without_end_has_one() {
        let place = place("deep");
        std::fs::create_dir_all(format!("{place}{}", "/d".repeat(MOST_DEPTH + 2))).expect("folders");
        let folder = make_folders(&place, OWN_MODE).expect("opened");
        // Down to the limit nothing is given, so this needs no rights.
        assert!(give(&folder, User::ROOT, &mut 100, MOST_DEPTH).is_err());
        assert!(give(&folder, User::ROOT, &mut 3, 100).is_err());
        std::fs::remove_dir_all(&place).expect("removed");
    }
}
