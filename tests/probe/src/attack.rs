//! Writing what is sealed, executing what is writable.

use std::{
    fs::{self, File, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use rustix::{
    fs::{CWD, FileType, Mode, mknodat},
    mount::{MountFlags, mount_remount},
};

use crate::{listeners, report::Report};

/// Places that anything on a node can write to.
const WRITABLE: [&str; 8] = ["/etc", "/run", "/tmp", "/var", "/state", "/dev", "/dev/shm", "/run/ampoule"];

pub(crate) fn run(report: &mut Report) {
    write_the_root(report);
    execute_what_was_written(report);
    open_own_device(report);
    look_at_mounts(report);
    load_changed_module(report);
    listeners::check(report);
}

fn write_the_root(report: &mut Report) {
    for path in ["/evil", "/usr/bin/evil", "/usr/lib/ampoule/services/evil.toml"] {
        report.must_fail(&format!("root-write {path}"), File::create(path));
    }
    let existing = File::options().write(true).open("/usr/bin/init");
    report.must_fail("root-write /usr/bin/init", existing);
    report.must_fail("root-remount", mount_remount("/", MountFlags::empty(), ""));
}

fn execute_what_was_written(report: &mut Report) {
    let mut tried = 0;
    for folder in WRITABLE {
        let copy = Path::new(folder).join("probe-copy");
        if let Ok(()) = place_copy(&copy) {
            tried += 1;
            let outcome = Command::new(&copy).arg("short-life").status();
            report.must_fail(&format!("execute {}", copy.display()), outcome);
        }
        let _ = fs::remove_file(&copy);
    }
    if tried == 0 {
        report.failed("execute: nothing could be written anywhere, so nothing was tried");
    }
}

fn place_copy(path: &Path) -> io::Result<()> {
    fs::copy("/proc/self/exe", path)?;
    fs::set_permissions(path, Permissions::from_mode(0o755))
}

/// A device file of one's own would reach around every mount option.
fn open_own_device(report: &mut Report) {
    let path = "/tmp/probe-device";
    // The first virtio disk.
    let device = rustix::fs::makedev(254, 0);
    let made = mknodat(CWD, path, FileType::BlockDevice, Mode::RUSR | Mode::WUSR, device);
    match made {
        Err(error) => report.ok(&format!("device: cannot be made: {error}")),
        Ok(()) => report.must_fail("device", File::open(path)),
    }
    let _ = fs::remove_file(path);
}

fn look_at_mounts(report: &mut Report) {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    if mounts.is_empty() {
        report.failed("mounts: cannot be read");
    }
    for line in mounts.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let [_, place, _, options, ..] = fields.as_slice() else {
            continue;
        };
        let has = |wanted: &str| options.split(',').any(|option| option == wanted);
        // A container's own root is for its programs; nothing of the host is executed from there.
        let of_container = place.starts_with("/run/containerd/");
        let lacks: Vec<&str> =
            ["noexec", "nosuid", "nodev"].into_iter().filter(|wanted| !has(wanted) && !may_lack(place, wanted)).collect();
        if has("rw") && !lacks.is_empty() && !of_container {
            report.failed(&format!("mounts: {place} is writable without {} ({options})", lacks.join(", ")));
        }
    }
    report.ok("mounts: looked at");
}

/// What is there for devices, and what only the kernel makes files in.
fn may_lack(place: &str, option: &str) -> bool {
    option == "nodev" && matches!(place, "/dev" | "/dev/pts" | "/sys/fs/selinux")
}

/// A module of the image with one byte changed: its signature no longer fits.
fn load_changed_module(report: &mut Report) {
    let Some(path) = a_module(Path::new("/usr/lib/modules")) else {
        return report.failed("module: none found to change");
    };
    let Ok(mut bytes) = fs::read(&path) else {
        return report.failed("module: cannot be read");
    };
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    report.must_fail("module", rustix::system::init_module(&bytes, c""));
}

fn a_module(folder: &Path) -> Option<PathBuf> {
    for entry in fs::read_dir(folder).ok()?.flatten() {
        let path = entry.path();
        let found =
            if path.is_dir() { a_module(&path) } else { path.extension().is_some_and(|extension| extension == "ko").then_some(path) };
        if found.is_some() {
            return found;
        }
    }
    None
}
