//! Mounts: new ones, changed ones, and namespaces in which to make them.

use std::{
    fs::{self, File},
    os::fd::AsFd,
    path::Path,
};

use ampoule_sys::refused::{Call, attempt};
use rustix::{
    fs::CWD,
    mount::{
        FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, fsconfig_create, fsmount,
        fsopen, mount, mount_bind_recursive, mount_move, mount_remount, move_mount, open_tree, unmount,
    },
    thread::move_into_link_name_space,
};

use crate::{
    Attempt, host,
    outcome::{Outcome, judged, worst},
};

pub(crate) const ATTEMPTS: &[Attempt] = &[
    ("mount-proc", || new_mount("proc")),
    ("mount-sysfs", || new_mount("sysfs")),
    ("mount-tmpfs", || new_mount("tmpfs")),
    ("mount-devtmpfs", || new_mount("devtmpfs")),
    ("mount-disk", || worst(["ext4", "erofs", "vfat", "iso9660"].map(new_mount_of_disk))),
    ("mount-bind-root", || judged(mount_bind_recursive("/", folder()), "the root at another place")),
    ("mount-overlay", overlay),
    ("remount-proc-sys", || judged(mount_remount("/proc/sys", MountFlags::BIND, ""), "/proc/sys can be written")),
    ("remount-sys", || worst(["/sys", "/sys/fs/cgroup"].map(|path| judged(mount_remount(path, MountFlags::BIND, ""), path)))),
    ("remount-volume-exec", || judged(mount_remount("/volume", MountFlags::BIND, ""), "the volume without noexec and nosuid")),
    ("mount-setattr", || judged(attempt(Call::MountWritable(c"/proc/sys")), "/proc/sys can be written")),
    ("unmount-mask", || {
        worst(["/proc/kcore", "/proc/keys", "/proc/sys", "/sys/firmware"].map(|path| judged(unmount(path, UnmountFlags::DETACH), path)))
    }),
    ("mount-move", || judged(mount_move("/proc/sys", folder()), "/proc/sys away from its place")),
    ("move-mount", moved),
    ("fsopen", opened),
    ("open-tree", || judged(open_tree(CWD, "/", OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::AT_RECURSIVE), "a copy of the tree")),
    ("pivot-root", || judged(rustix::process::pivot_root("/volume", "/volume"), "another root")),
    ("mount-namespace", || in_new(Call::NewMountNamespace)),
    ("user-namespace-overlay", || in_new(Call::NewUserNamespace)),
    ("cgroup-namespace", || judged(attempt(Call::NewCgroupNamespace), "a new cgroup namespace")),
    ("setns-1", enter),
];

fn folder() -> &'static Path {
    let path = Path::new("/escape-mount");
    let _ = fs::create_dir(path);
    path
}

fn new_mount(kind: &str) -> Outcome {
    judged(mount(kind, folder(), kind, MountFlags::empty(), None), &format!("mounted {kind}"))
}

/// By the names that a tmpfs of its own could give it, if it had one.
fn new_mount_of_disk(kind: &str) -> Outcome {
    judged(mount("/dev/vda", folder(), kind, MountFlags::RDONLY, None), &format!("mounted the disk as {kind}"))
}

fn overlay() -> Outcome {
    let options = c"lowerdir=/proc:/etc,upperdir=/dev/shm/u,workdir=/dev/shm/w";
    for path in ["/dev/shm/u", "/dev/shm/w"] {
        let _ = fs::create_dir(path);
    }
    judged(mount("overlay", folder(), "overlay", MountFlags::empty(), Some(options)), "an overlay")
}

fn moved() -> Outcome {
    let tree = open_tree(CWD, "/proc/sys", OpenTreeFlags::OPEN_TREE_CLOEXEC);
    judged(tree.and_then(|tree| move_mount(tree, "", CWD, folder(), MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)), "/proc/sys at another place")
}

fn opened() -> Outcome {
    let made = fsopen("proc", FsOpenFlags::FSOPEN_CLOEXEC).and_then(|context| {
        fsconfig_create(context.as_fd())?;
        fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())
    });
    judged(made, "a /proc without masks")
}

/// A namespace in which root has rights that it lacks here; then the mounts again.
fn in_new(namespaces: Call<'_>) -> Outcome {
    match attempt(namespaces) {
        Err(error) => Outcome::Refused(error),
        Ok(_) => worst([new_mount("tmpfs"), overlay(), Outcome::Succeeded("new namespaces".into())]),
    }
}

/// Only the node's namespaces count: those of the first process that is seen are its own.
fn enter() -> Outcome {
    worst(["mnt", "pid", "net", "user", "cgroup", "uts", "ipc"].map(|kind| {
        let entered = File::open(format!("/proc/1/ns/{kind}")).and_then(|file| Ok(move_into_link_name_space(file.as_fd(), None)?));
        match entered {
            Ok(()) if host::is_root_at(Path::new("/")) => Outcome::Succeeded(format!("the node's {kind} namespace")),
            other => judged(other, &format!("setns to the {kind} namespace")),
        }
    }))
}
