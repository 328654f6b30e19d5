//! Mandatory access control, before the first service: the policy of the verified root is loaded and `init` enters its own domain.
//!
//! A node never runs without it. What a policy that is loaded says of itself is `policy/selinux/`: nobody may load another one, and this
//! kernel knows no permissive mode.

use crate::console::say;
use rustix::mount::{MountFlags, mount};
use std::{fs, io};

/// Compiled when the image was built.
const POLICY: &str = "/usr/share/ampoule/selinux/policy";
const SELINUXFS: &str = "/sys/fs/selinux";
const OWN_LABEL: &str = "system_u:system_r:init_t:s0-s0:c0.c1023";
const CURRENT: &str = "/proc/self/attr/current";
const STRICT: MountFlags = MountFlags::NOSUID.union(MountFlags::NOEXEC);

/// Enforces the policy, or ends the machine: no service starts on a node that nothing bounds.
pub(crate) fn enforce_or_end() {
    if let Err(error) = enforce() {
        say(&format!("The SELinux policy is not in force: {error}. The node does not start without it; use an image that is whole."));
        panic!("no policy: {error}");
    }
}

fn enforce() -> io::Result<()> {
    let said = |what: &'static str| move |error: io::Error| io::Error::new(error.kind(), format!("{what}: {error}"));
    // Writable: runc takes a read-only one for a kernel without SELinux. What may be written there is the policy's to say: nothing.
    mount("selinuxfs", SELINUXFS, "selinuxfs", STRICT, None::<&std::ffi::CStr>).map_err(|error| said("mount selinuxfs")(error.into()))?;
    let policy = fs::read(POLICY).map_err(said(POLICY))?;
    // One write takes all of it (Linux, `security/selinux/selinuxfs.c`, `sel_write_load`).
    write("/sys/fs/selinux/load", &policy).map_err(said("load the policy"))?;
    write(CURRENT, OWN_LABEL.as_bytes()).map_err(said("enter init's own domain"))?;
    let enforcing = fs::read_to_string(format!("{SELINUXFS}/enforce")).map_err(said("ask whether it is enforced"))?;
    if enforcing.trim() != "1" {
        return Err(io::Error::other("it is loaded and not enforced"));
    }
    Ok(())
}

/// One write; never makes a file.
fn write(path: &str, bytes: &[u8]) -> io::Result<()> {
    let file = fs::OpenOptions::new().write(true).open(path)?;
    let written = rustix::io::write(&file, bytes)?;
    if written == bytes.len() { Ok(()) } else { Err(io::Error::other("the kernel took a part of it")) }
}
