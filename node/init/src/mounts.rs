//! The kernel's file systems, each with the strictest options that work.

use crate::console::note;
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change, mount_remount};
use std::ffi::CStr;

struct Mount {
    kind: &'static str,
    target: &'static str,
    options: &'static CStr,
    flags: MountFlags,
}

const STRICT: MountFlags = MountFlags::NOSUID.union(MountFlags::NODEV).union(MountFlags::NOEXEC);
/// For device folders: devices are their purpose.
const DEVICES: MountFlags = MountFlags::NOSUID.union(MountFlags::NOEXEC);

/// What loading the policy needs; all others are mounted when it is in force, so that they have their labels.
const INTERFACES: &[Mount] = &[
    Mount { kind: "proc", target: "/proc", options: c"", flags: STRICT },
    Mount { kind: "sysfs", target: "/sys", options: c"", flags: STRICT },
];

const MOUNTS: &[Mount] = &[
    Mount { kind: "securityfs", target: "/sys/kernel/security", options: c"", flags: STRICT },
    Mount { kind: "cgroup2", target: "/sys/fs/cgroup", options: c"nsdelegate,memory_recursiveprot", flags: STRICT },
    // Bounded, so that a program that fills them hurts itself before the node.
    Mount { kind: "tmpfs", target: "/run", options: c"mode=755,size=20%,rootcontext=system_u:object_r:run_t:s0", flags: STRICT },
    Mount { kind: "tmpfs", target: "/tmp", options: c"mode=1777,size=10%,rootcontext=system_u:object_r:tmp_t:s0", flags: STRICT },
    Mount { kind: "tmpfs", target: "/etc", options: c"mode=755,size=16m,rootcontext=system_u:object_r:etc_t:s0", flags: STRICT },
];

const DEVICE_MOUNTS: &[Mount] = &[
    Mount { kind: "devpts", target: "/dev/pts", options: c"gid=5,mode=620,ptmxmode=000", flags: DEVICES },
    Mount { kind: "tmpfs", target: "/dev/shm", options: c"mode=1777,size=10%,rootcontext=system_u:object_r:shm_t:s0", flags: STRICT },
    Mount { kind: "mqueue", target: "/dev/mqueue", options: c"", flags: STRICT },
];

/// Mounts what the policy is loaded through.
pub(crate) fn mount_kernel_interfaces() {
    INTERFACES.iter().for_each(mount_one);
}

/// Mounts everything else; a failure is logged and the rest goes on.
pub(crate) fn mount_all() {
    MOUNTS.iter().for_each(mount_one);
    // The kernel has mounted /dev already; only its options are ours.
    note("Restrict /dev", mount_remount("/dev", DEVICES, c"mode=755,size=1m"));
    for target in ["/dev/pts", "/dev/shm", "/dev/mqueue"] {
        note(target, std::fs::create_dir_all(target));
    }
    DEVICE_MOUNTS.iter().for_each(mount_one);
    if std::path::Path::new("/sys/firmware/efi/efivars").exists() {
        mount_one(&Mount { kind: "efivarfs", target: "/sys/firmware/efi/efivars", options: c"", flags: STRICT.union(MountFlags::RDONLY) });
    }
    // The root is read-only by its kind; these are the rest.
    let sealed = MountFlags::BIND | MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV;
    note("Restrict /", mount_remount("/", sealed, c""));
    // Mounts made here must reach containers that ask for it, and a kubelet expects this.
    note("Share mounts", mount_change("/", MountPropagationFlags::SHARED | MountPropagationFlags::REC));
}

fn mount_one(m: &Mount) {
    note(&format!("Mount {}", m.target), mount(m.kind, m.target, m.kind, m.flags, Some(m.options)));
}
