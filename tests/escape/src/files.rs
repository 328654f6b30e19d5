//! Files of the node: walks, descriptors, devices, handles, links.

use std::{
    fs::{self, File},
    io,
    os::{fd::AsFd, unix::fs::MetadataExt as _},
    path::{Path, PathBuf},
};

use ampoule_sys::refused::{Call, attempt};
use rustix::fs::{CWD, FileType, IFlags, Mode, OFlags, ioctl_getflags, ioctl_setflags, makedev, mknodat, openat};

use crate::{
    Attempt, host,
    outcome::{Outcome, judged, worst},
};

pub(crate) const ATTEMPTS: &[Attempt] = &[
    ("proc-1-root", proc_root),
    ("proc-fd-walk", descriptors_of_all),
    ("leaked-descriptors", leaked_descriptors),
    ("working-directory", working_directory),
    ("chroot", chroot),
    ("runc-overwrite", runc_overwrite),
    ("device-vda", || by_device(FileType::BlockDevice, &disks())),
    ("device-mem", || by_device(FileType::CharacterDevice, &[(1, 1), (1, 2), (1, 4)])),
    ("device-kmsg", || by_device(FileType::CharacterDevice, &[(1, 11)])),
    ("device-tty", || by_device(FileType::CharacterDevice, &[(4, 64), (5, 1), (4, 0)])),
    ("device-net-tun", || by_device(FileType::CharacterDevice, &[(10, 200), (10, 232), (10, 229)])),
    ("device-in-volume", device_in_volume),
    ("device-nodes", device_nodes),
    ("open-by-handle", open_by_handle),
    ("hard-link", hard_link),
    ("node-files", node_files),
    ("rewrite-node-file", rewrite_node_file),
    ("disk-project", disk_project),
    ("disk-project-heirs", disk_project_heirs),
];

/// Folders that count for this workload's share of the disk.
const COUNTED: [&str; 2] = ["/", "/volume"];

/// Making what is written count for nobody, whom nothing limits.
fn disk_project() -> Outcome {
    let nobody = |path: &&str| File::open(path).and_then(|folder| ampoule_sys::quota::set_project(folder, 0, true));
    worst(COUNTED.iter().map(|path| judged(nobody(path), &format!("{path} counts for nobody"))))
}

/// The same for what will be made in a folder, by a way of its own (`FS_IOC_SETFLAGS`).
fn disk_project_heirs() -> Outcome {
    for path in COUNTED {
        let folder = Path::new(path).join("heirs");
        let _ = fs::create_dir(&folder);
        let Ok(open) = File::open(&folder) else { return Outcome::Impossible(format!("{path} cannot be written")) };
        let Ok(flags) = ioctl_getflags(&open) else { continue };
        if !flags.contains(IFlags::PROJECT_INHERIT) {
            return Outcome::Succeeded(format!("what is made in {path} counts for nobody"));
        }
        let _ = ioctl_setflags(&open, flags - IFlags::PROJECT_INHERIT);
        if ioctl_getflags(&open).is_ok_and(|flags| !flags.contains(IFlags::PROJECT_INHERIT)) {
            return Outcome::Succeeded(format!("what is made in {path} counts for nobody from now on"));
        }
    }
    Outcome::Impossible("what is made in a folder counts as the folder does".into())
}

/// Each process that can be seen, its root and its folder.
fn proc_root() -> Outcome {
    let mut seen = 0;
    for process in processes() {
        seen += 1;
        for way in ["root", "cwd"] {
            let path = process.join(way);
            if host::is_root_at(&path) || File::open(&path).is_ok_and(host::is_above) {
                return Outcome::Succeeded(format!("the node's root at {}", path.display()));
            }
        }
    }
    Outcome::Impossible(format!("{seen} processes, each in this root"))
}

fn processes() -> Vec<PathBuf> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbered = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().parse::<u32>().is_ok());
    entries.map(|entry| entry.path()).filter(numbered).collect()
}

fn descriptors_of_all() -> Outcome {
    let mut seen = 0;
    for process in processes() {
        for entry in fs::read_dir(process.join("fd")).into_iter().flatten().flatten() {
            seen += 1;
            if File::open(entry.path()).is_ok_and(host::is_above) {
                return Outcome::Succeeded(format!("the node's root through {}", entry.path().display()));
            }
        }
    }
    Outcome::Impossible(format!("none of {seen} descriptors is a folder of the node"))
}

/// The first process is what the runtime started: what it forgot to close is open here.
pub(crate) fn look_at_descriptors_of_the_first_process() {
    println!("ESCAPE leaked-descriptors-at-start {}", leaked_descriptors());
}

/// As in CVE-2024-21626: a descriptor of a folder of the node, and `..` from it.
fn leaked_descriptors() -> Outcome {
    let mut known = Vec::new();
    for entry in fs::read_dir("/proc/self/fd").into_iter().flatten().flatten() {
        let target = fs::read_link(entry.path()).unwrap_or_default();
        let folder = openat(CWD, entry.path(), OFlags::PATH | OFlags::DIRECTORY, Mode::empty());
        if folder.is_ok_and(host::is_above) {
            return Outcome::Succeeded(format!("{} is {}", entry.path().display(), target.display()));
        }
        known.push(target);
    }
    Outcome::Impossible(format!("only {known:?} are open"))
}

fn working_directory() -> Outcome {
    if host::is_above_here() {
        Outcome::Succeeded("the node's root above the current folder".into())
    } else {
        Outcome::Impossible("nothing above the current folder but this root".into())
    }
}

/// The old way out of chroot(2): a folder that stays outside of the new root, and `..`.
fn chroot() -> Outcome {
    let inside = Path::new("/escape-chroot");
    let _ = fs::create_dir(inside);
    let outside = File::open("/");
    let entered = rustix::process::chroot(inside).map_err(io::Error::from);
    match entered.and(outside) {
        Err(error) => Outcome::Refused(error),
        Ok(outside) if host::is_above(&outside) => Outcome::Succeeded("the node's root by leaving a root of its own".into()),
        Ok(_) => Outcome::Impossible("out of a root of its own there is this root, not the node's".into()),
    }
}

/// As in CVE-2019-5736: the runtime's program through the `exe` of a process of it, held by a path descriptor and opened again for writing.
fn runc_overwrite() -> Outcome {
    let own = fs::metadata("/proc/self/exe").map(|facts| (facts.dev(), facts.ino())).ok();
    let mut seen = 0;
    for process in processes() {
        let exe = process.join("exe");
        let foreign = fs::metadata(&exe).map(|facts| (facts.dev(), facts.ino())).ok().filter(|it| Some(*it) != own);
        seen += 1;
        if foreign.is_none() {
            continue;
        }
        let Ok(held) = openat(CWD, &exe, OFlags::PATH, Mode::empty()) else { continue };
        let again = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&held.as_fd()));
        return judged(File::options().write(true).open(again), "the runtime's program, open for writing");
    }
    Outcome::Impossible(format!("{seen} processes, none of which runs another program"))
}

/// What the kernel itself lists, and what disks usually have.
fn disks() -> Vec<(u32, u32)> {
    let usual = [(254, 0), (254, 1), (253, 0), (252, 0), (8, 0), (259, 0)];
    let listed = fs::read_dir("/sys/class/block").into_iter().flatten().flatten();
    let number = |text: String| text.trim().split_once(':').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    listed.filter_map(|entry| number(fs::read_to_string(entry.path().join("dev")).ok()?)).chain(usual).collect()
}

/// Makes a device file and opens it. Making one is allowed in many containers; opening is the point.
fn by_device(kind: FileType, numbers: &[(u32, u32)]) -> Outcome {
    worst(numbers.iter().flat_map(|number| ["/", "/dev/", "/dev/shm/"].map(|folder| one_device(folder, kind, *number))))
}

fn one_device(folder: &str, kind: FileType, (major, minor): (u32, u32)) -> Outcome {
    let path = format!("{folder}escape-{major}-{minor}");
    let made = mknodat(CWD, &path, kind, Mode::RUSR | Mode::WUSR, makedev(major, minor)).map_err(io::Error::from);
    let opened = made.and_then(|()| File::open(&path));
    let _ = fs::remove_file(&path);
    judged(opened, &format!("opened device {major}:{minor}"))
}

fn device_in_volume() -> Outcome {
    worst(disks().into_iter().map(|number| one_device("/volume/", FileType::BlockDevice, number)))
}

/// What `/dev` holds is what every container has, and nothing of the machine.
const USUAL: [&str; 16] = [
    "null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts", "shm", "mqueue", "fd", "stdin", "stdout", "stderr", "core",
    "console",
];

fn device_nodes() -> Outcome {
    let names = fs::read_dir("/dev").into_iter().flatten().flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let more: Vec<String> = names.filter(|name| !USUAL.contains(&name.as_str())).collect();
    if more.is_empty() {
        Outcome::Impossible("/dev has nothing of the machine".into())
    } else {
        Outcome::Succeeded(format!("/dev has {more:?}"))
    }
}

/// A file handle of the root folder of the disk that the volume lies on ("shocker").
fn open_by_handle() -> Outcome {
    worst(["/volume", "/etc/resolv.conf", "/"].into_iter().map(|path| {
        let inside = File::open(path);
        judged(inside.and_then(|inside| attempt(Call::RootByHandle(inside.as_fd()))), &format!("the root of the disk under {path}"))
    }))
}

/// A second name, in a folder of its own, for a file that is lent to it.
fn hard_link() -> Outcome {
    worst(
        ["/etc/resolv.conf", "/etc/hosts"].map(|path| judged(fs::hard_link(path, "/volume/linked"), &format!("a second name for {path}"))),
    )
}

fn node_files() -> Outcome {
    let paths = ["/usr/bin/hostd", "/usr/lib/ampoule", "/state", "/var/lib/containerd", "/run/ampoule", "/etc/ampoule", "/run/containerd"];
    worst(paths.map(|path| judged(fs::metadata(path), path)))
}

/// Files of the node that are shown to a workload must not be changed through it.
fn rewrite_node_file() -> Outcome {
    worst(["/etc/resolv.conf", "/etc/hosts", "/etc/hostname"].map(|path| {
        let written = fs::read(path).and_then(|_| File::options().append(true).open(path));
        judged(written, &format!("opened {path} for writing"))
    }))
}
