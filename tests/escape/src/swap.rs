//! Links and folders that change places while the runtime makes mounts there, and the parts of those that would notice.

use std::{
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    thread::sleep,
    time::Duration,
};

use rustix::fs::{CWD, RenameFlags, lgetxattr, renameat_with};

use crate::host;

/// Exchanges with one target; an even number, after which the folder is in its place.
const EXCHANGES: usize = 40;
/// So that others have their turn where there is one processor; most of the time is for exchanging.
const BREATH: Duration = Duration::from_millis(1);
/// Files beside them, for whoever walks through all.
const FILES: usize = 300;

/// In `folder`, `moving` is a folder, then a link to one of the targets, then the folder, as fast as can be.
pub(crate) fn swap(folder: &str, targets: &[&str]) {
    let folder = Path::new(folder);
    println!("SWAP made {:?}", make(folder));
    for (round, target) in targets.iter().cycle().enumerate() {
        let done = exchange(folder, target);
        if round < targets.len() {
            println!("SWAP {target} {done:?}");
        }
        sleep(BREATH);
    }
}

/// From whatever an earlier life left.
fn make(folder: &Path) -> io::Result<()> {
    for name in ["moving", "link", "next"] {
        let path = folder.join(name);
        match fs::symlink_metadata(&path) {
            Ok(facts) if facts.is_dir() => fs::remove_dir_all(path)?,
            Ok(_) => fs::remove_file(path)?,
            Err(_) => {}
        }
    }
    fs::create_dir_all(folder.join("moving/deep"))?;
    fs::write(folder.join("moving/kept"), "")?;
    (0..FILES).try_for_each(|number| fs::write(folder.join(format!("file{number}")), ""))
}

fn exchange(folder: &Path, target: &str) -> io::Result<()> {
    let (moving, link, next) = (folder.join("moving"), folder.join("link"), folder.join("next"));
    symlink(target, &next)?;
    fs::rename(&next, &link)?;
    for _ in 0..EXCHANGES {
        renameat_with(CWD, &moving, CWD, &link, RenameFlags::EXCHANGE)?;
    }
    Ok(())
}

/// Has volumes at such places; tells what it finds there, and ends.
pub(crate) fn look(round: &str, places: &[&str]) {
    for place in places.iter().map(Path::new).chain([Path::new("/")]) {
        let kept = place.join("kept-by-another").exists();
        if host::is_root_at(place) || kept {
            println!("LOOK SUCCEEDED: {} is the node's", place.display());
        }
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    println!("LOOK {round} {}", volumes(&mounts).join(" "));
}

/// What is mounted from the volumes' folder, and where: `/volumes/NAME@/place` (`proc_pid_mountinfo(5)`).
fn volumes(mounts: &str) -> Vec<String> {
    let words = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let found = words.filter_map(|words| Some((words.get(3)?.split_once("/volumes")?.1.to_owned(), *words.get(4)?)));
    found.map(|(root, place)| format!("/volumes{root}@{place}")).collect()
}

/// Has a volume of its own; tells what is in it and how it is labelled, at first and whenever that is another.
pub(crate) fn keep() {
    let own = Path::new("/data/kept-by-another");
    println!("KEEP made {:?}", fs::write(own, "mine\n"));
    let mut last = String::new();
    loop {
        let now = state(own);
        if now != last {
            println!("KEEP {now}");
            last = now;
        }
        sleep(Duration::from_millis(200));
    }
}

fn state(own: &Path) -> String {
    let entries = fs::read_dir("/data").into_iter().flatten().flatten().map(|entry| entry.path());
    let mut entries: Vec<PathBuf> = entries.collect();
    entries.sort();
    let [folder, file] = [Path::new("/data"), own].map(label);
    format!("{entries:?} {folder} {file} {:?}", fs::read_to_string(own).unwrap_or_default())
}

fn label(path: &Path) -> String {
    let mut buffer = [0; 256];
    match lgetxattr(path, "security.selinux", &mut buffer) {
        Ok(length) => String::from_utf8_lossy(&buffer[..length]).trim_end_matches('\0').to_owned(),
        Err(error) => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_of_volumes_are_found() {
        let text = "30 29 254:6 /ampoule/volumes/pool /shared rw,nosuid - ext4 /dev/vda6 rw\n31 29 0:3 / /proc rw - proc proc rw\n";
        assert_eq!(volumes(text), ["/volumes/pool@/shared"]);
    }

    #[test]
    fn after_a_round_the_folder_is_in_its_place() {
        let folder = std::env::temp_dir().join(format!("swap-{}", std::process::id()));
        make(&folder).expect("made");
        for target in ["/etc", "/"] {
            exchange(&folder, target).expect("exchanged");
            assert!(folder.join("moving").symlink_metadata().expect("there").is_dir());
            assert_eq!(fs::read_link(folder.join("link")).expect("a link"), Path::new(target));
        }
        symlink("/", folder.join("next")).expect("left by an earlier life");
        make(&folder).expect("made anew");
        exchange(&folder, "/").expect("exchanged");
        fs::remove_dir_all(&folder).expect("removed");
    }
}
