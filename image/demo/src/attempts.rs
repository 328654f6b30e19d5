//! Ways out of a container, tried for real at each request. None would do harm if it succeeded.

use std::{
    fs::{self, File},
    io,
    os::unix::net::UnixStream,
    path::Path,
};

use rustix::{
    fs::{CWD, FileType, Mode, makedev, mknodat},
    mount::{MountFlags, UnmountFlags, mount, unmount},
    system::init_module,
};

/// One attempt and its end.
pub(crate) struct Attempt {
    pub(crate) key: &'static str,
    pub(crate) what: &'static str,
    pub(crate) escaped: bool,
    pub(crate) answer: String,
}

/// `Ok` means that the wall had a hole.
type Outcome = Result<(), io::Error>;

/// Key, what is tried, how.
type Trial = (&'static str, &'static str, fn() -> Outcome);

const TRIALS: [Trial; 9] = [
    ("mount", "Mount a file system", try_mount),
    ("kernel-module", "Load code into the kernel", try_module),
    ("physical-memory", "Read the machine's memory through /dev/mem", try_memory),
    ("disk", "Read the node's disk through a device file of its own", try_disk),
    ("kernel-setting", "Change a kernel setting", try_kernel_setting),
    ("sysrq", "Press the kernel's emergency key", try_sysrq),
    ("node-files", "Read the node's programs through /proc/1/root", try_node_files),
    ("node-api", "Open the node's API socket", || connect("/run/api.sock")),
    ("containerd", "Order about the container engine", || connect("/run/containerd/containerd.sock")),
];

/// Tries everything.
pub(crate) fn all() -> Vec<Attempt> {
    TRIALS.iter().map(|(key, what, trial)| judge(key, what, trial())).collect()
}

fn judge(key: &'static str, what: &'static str, outcome: Outcome) -> Attempt {
    let (escaped, answer) = match outcome {
        Ok(()) => (true, "it worked".to_owned()),
        Err(error) => (false, plain(&error)),
    };
    Attempt { key, what, escaped, answer }
}

/// The system's words without the number.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

fn try_mount() -> Outcome {
    mount("none", "/proc", c"tmpfs", MountFlags::RDONLY, None)?;
    Ok(unmount("/proc", UnmountFlags::DETACH)?)
}

/// Not a module, so that even a kernel that let us would take nothing in: it looks at rights first.
fn try_module() -> Outcome {
    match init_module(b"no module", c"") {
        Err(rustix::io::Errno::NOEXEC) => Ok(()),
        other => Ok(other?),
    }
}

fn try_memory() -> Outcome {
    open_device("mem", FileType::CharacterDevice, 1, 1)
}

/// 254 is what the kernel gives the first virtio disk; 8 the first SCSI one.
fn try_disk() -> Outcome {
    open_device("vda", FileType::BlockDevice, 254, 0).or_else(|_| open_device("sda", FileType::BlockDevice, 8, 0))
}

/// Makes a device file where we may write, and opens it. Making one is allowed in many containers; opening is the point.
fn open_device(name: &str, kind: FileType, major: u32, minor: u32) -> Outcome {
    let path = Path::new("/").join(format!(".try-{name}-{:?}", std::thread::current().id()));
    mknodat(CWD, &path, kind, Mode::RUSR, makedev(major, minor))?;
    let opened = File::open(&path).map(drop);
    let _ = fs::remove_file(&path);
    opened
}

/// Opened for writing, nothing written.
fn try_kernel_setting() -> Outcome {
    File::options().write(true).open("/proc/sys/kernel/core_pattern").map(drop)
}

fn try_sysrq() -> Outcome {
    File::options().write(true).open("/proc/sysrq-trigger").map(drop)
}

fn try_node_files() -> Outcome {
    File::open(Path::new("/proc/1/root").join("usr/bin/init")).map(drop)
}

fn connect(path: &str) -> Outcome {
    UnixStream::connect(path).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn success_is_called_an_escape() {
        assert!(judge("k", "w", Ok(())).escaped);
        let refused = judge("k", "w", Err(io::Error::from_raw_os_error(1)));
        assert!(!refused.escaped);
        assert_eq!(refused.answer, "Operation not permitted");
    }
}
