//! The SELinux policy as a service that was taken over meets it.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::net::UnixStream,
    path::Path,
    process::Command,
};

use rustix::fs::{XattrFlags, setxattr};

use crate::report::Report;

const SELINUXFS: &str = "/sys/fs/selinux";
const POLICY: &str = "/usr/share/ampoule/selinux/policy";

pub(crate) fn look(report: &mut Report) {
    for_each_process(|name, label| report.ok(&format!("runs {name} {label}")));
    report.must_fail("load-policy", fs::read(POLICY).and_then(|policy| write(&Path::new(SELINUXFS).join("load"), &policy)));
    report.must_fail("lenient", write(&Path::new(SELINUXFS).join("enforce"), b"0"));
    for wanted in ["init_t", "apid_t", "kernel_t", "super_t"] {
        let label = format!("system_u:system_r:{wanted}:s0");
        report.must_fail(&format!("become {wanted}"), write(Path::new("/proc/self/attr/current"), label.as_bytes()));
    }
    for wanted in ["apid_t", "container_t", "super_t"] {
        report.must_fail(&format!("start as {wanted}"), start_as(&format!("system_u:system_r:{wanted}:s0")));
    }
    report.must_fail("reach containerd", UnixStream::connect("/run/containerd/containerd.sock"));
    report.must_fail("open the disk", fs::File::open("/dev/vda"));
    report.must_fail("make what it wrote a program", relabel());
    match fs::read_to_string(Path::new(SELINUXFS).join("enforce")) {
        Ok(text) if text.trim() == "1" => report.ok("enforcing"),
        other => report.failed(&format!("enforcing: {other:?}")),
    }
}

/// A program of the root in a domain that is not its own.
fn start_as(label: &str) -> io::Result<()> {
    let next = Path::new("/proc/thread-self/attr/exec");
    write(next, label.as_bytes())?;
    let started = Command::new("/usr/bin/probe").arg("nothing").status().map(drop);
    // An empty one takes it back.
    let _ = write(next, b"\0");
    started
}

fn relabel() -> io::Result<()> {
    fs::write("/tmp/probe-relabel", "x")?;
    Ok(setxattr("/tmp/probe-relabel", "security.selinux", b"system_u:object_r:probe_exec_t:s0", XattrFlags::empty())?)
}

/// Everything that runs and is no thread of the kernel's.
fn for_each_process(mut see: impl FnMut(&str, &str)) {
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let read = |name: &str| fs::read_to_string(entry.path().join(name)).unwrap_or_default();
        let command = read("cmdline");
        if let Some(program) = command.split('\0').next().filter(|program| !program.is_empty()) {
            see(program.rsplit('/').next().unwrap_or_default(), read("attr/current").trim_end_matches(['\0', '\n']));
        }
    }
}

/// In one piece and without making a file: both the policy and a label are taken so or not at all.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    OpenOptions::new().write(true).open(path)?.write(bytes).map(drop)
}
