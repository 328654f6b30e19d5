//! Walking a tree of files that somebody else may change meanwhile.

use std::{
    ffi::CStr,
    io,
    os::fd::{AsFd, BorrowedFd},
    path::Path,
};

use rustix::{
    fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, openat, statat},
    io::Errno,
};

/// Folders deeper than this are not walked, and their volume is not used: the stack is finite.
const MAX_DEPTH: usize = 256;

/// Done to everything in a folder: the open folder it lies in, its name there, and what it is.
pub(crate) type Act<'a> = dyn FnMut(BorrowedFd<'_>, &CStr, FileType) -> io::Result<()> + 'a;

/// Does `act` to all that is in `folder`, to a folder before what is in it. Every step is from a folder that is open, and follows no link; what
/// goes meanwhile is no error.
pub(crate) fn for_each(folder: &Path, act: &mut Act<'_>) -> io::Result<()> {
    let inside = openat(CWD, folder, folder_flags(), Mode::empty())?;
    entries(inside.as_fd(), act, 0)
}

fn folder_flags() -> OFlags {
    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC
}

fn entries(folder: BorrowedFd<'_>, act: &mut Act<'_>, depth: usize) -> io::Result<()> {
    if depth > MAX_DEPTH {
        return Err(io::Error::other(format!("a folder is more than {MAX_DEPTH} folders deep; remove it")));
    }
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if name != c"." && name != c".." {
            gone_is_fine(one(folder, name, act, depth))?;
        }
    }
    Ok(())
}

fn one(folder: BorrowedFd<'_>, name: &CStr, act: &mut Act<'_>, depth: usize) -> io::Result<()> {
    let kind = FileType::from_raw_mode(statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?.st_mode);
    act(folder, name, kind)?;
    if kind == FileType::Directory {
        let inside = openat(folder, name, folder_flags(), Mode::empty())?;
        entries(inside.as_fd(), act, depth + 1)?;
    }
    Ok(())
}

fn gone_is_fine(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.raw_os_error() == Some(Errno::NOENT.raw_os_error()) => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::{
        os::unix::fs::symlink,
        sync::atomic::{AtomicBool, Ordering},
    };

    use rustix::fs::{RenameFlags, renameat_with};

    use super::*;

    #[test]
    fn a_folder_comes_before_what_is_in_it_and_links_are_not_followed() {
        let dir = tempfile::tempdir().expect("folder");
        let (tree, outside) = (dir.path().join("tree"), dir.path().join("outside"));
        std::fs::create_dir_all(tree.join("a/b")).expect("folders");
        std::fs::create_dir(&outside).expect("folder");
        std::fs::write(tree.join("a/b/file"), "").expect("file");
        std::fs::write(outside.join("secret"), "").expect("file");
        symlink(&outside, tree.join("a/link")).expect("link");
        let mut seen = Vec::new();
        for_each(&tree, &mut |_, name, kind| {
            seen.push((name.to_string_lossy().into_owned(), kind));
            Ok(())
        })
        .expect("walked");
        let place = |wanted: &str| seen.iter().position(|(name, _)| name == wanted).expect("seen");
        assert!(place("a") < place("b") && place("b") < place("file") && seen.len() == 4, "{seen:?}");
        assert_eq!(seen[place("link")].1, FileType::Symlink);
    }
    /// As a workload may do while its volume is labelled: a folder and a link to elsewhere change places all the time. A walk that meets it may end with an error.
    #[test]
    fn what_changes_places_meanwhile_leads_nowhere() {
        let dir = tempfile::tempdir().expect("folder");
        let (tree, outside) = (dir.path().join("tree"), dir.path().join("outside"));
        let (moving, link) = (tree.join("moving"), tree.join("link"));
        std::fs::create_dir_all(moving.join("inside")).expect("folders");
        std::fs::create_dir(&outside).expect("folder");
        std::fs::write(outside.join("secret"), "").expect("file");
        symlink(&outside, &link).expect("link");
        let (over, mut names) = (AtomicBool::new(false), std::collections::BTreeMap::<String, usize>::new());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    renameat_with(CWD, &moving, CWD, &link, RenameFlags::EXCHANGE).expect("exchanged");
                }
            });
            for _ in 0..5000 {
                let _ = for_each(&tree, &mut |_, name, _| {
                    *names.entry(name.to_string_lossy().into_owned()).or_default() += 1;
                    Ok(())
                });
            }
            over.store(true, Ordering::Relaxed);
        });
        assert!(names.contains_key("inside") && !names.contains_key("secret"), "{names:?}");
    }
}
