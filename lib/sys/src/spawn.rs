//! Making a service's process: everything that happens between fork and exec.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

/// What the new process gives up or gets before it becomes the service.
#[derive(Debug)]
pub struct Confinement {
    /// `cgroup.procs` of its control group, open for writing.
    pub cgroup_procs: OwnedFd,
    /// `RLIMIT_NOFILE`, soft and hard.
    pub open_files: Option<u64>,
    /// Written to `/proc/self/oom_score_adj`.
    pub oom_score_adjust: Option<i16>,
    /// Capabilities that leave the bounding set, by number. As the program runs as root, what is left is what it has.
    pub capabilities_dropped: Vec<u8>,
    /// `PR_SET_NO_NEW_PRIVS`
    pub no_new_privileges: bool,
    /// Becomes descriptor 3 of the new process.
    pub descriptor_3: Option<OwnedFd>,
}

/// Starts `command` confined. Its session, control group, limits and rights are set before its first instruction.
///
/// # Errors
/// The first step that failed, as the kernel names it; then no process remains.
pub fn spawn_confined(command: &mut Command, confinement: Confinement) -> io::Result<Child> {
    // SAFETY: the closure runs in the child between fork and exec. It only makes system calls on values moved into it: no allocation, no lock, nothing of the parent's other
    // threads (init has none).
    unsafe { command.pre_exec(move || confine(&confinement)) };
    command.spawn()
}

fn confine(to: &Confinement) -> io::Result<()> {
    rustix::process::setsid()?;
    rustix::io::write(&to.cgroup_procs, b"0")?;
    clear_signal_mask()?;
    if let Some(most) = to.open_files {
        let limit = rustix::process::Rlimit { current: Some(most), maximum: Some(most) };
        rustix::process::setrlimit(rustix::process::Resource::Nofile, limit)?;
    }
    if let Some(score) = to.oom_score_adjust {
        write_oom_score(score)?;
    }
    to.capabilities_dropped.iter().try_for_each(|number| drop_bounding(*number))?;
    if to.no_new_privileges {
        rustix::thread::set_no_new_privs(true)?;
    }
    to.descriptor_3.as_ref().map_or(Ok(()), |fd| duplicate_to(fd.as_raw_fd(), 3))
}

/// Decimal without allocation.
fn write_oom_score(score: i16) -> io::Result<()> {
    let mut text = [0u8; 6];
    let mut at = text.len();
    let mut rest = score.unsigned_abs();
    loop {
        at -= 1;
        text[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if score < 0 {
        at -= 1;
        text[at] = b'-';
    }
    let file = rustix::fs::open(c"/proc/self/oom_score_adj", rustix::fs::OFlags::WRONLY, rustix::fs::Mode::empty())?;
    rustix::io::write(&file, &text[at..])?;
    Ok(())
}

fn drop_bounding(number: u8) -> io::Result<()> {
    // SAFETY: PR_CAPBSET_DROP takes a number and touches no memory.
    let answer = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, libc::c_ulong::from(number), 0, 0, 0) };
    // EINVAL: this kernel does not know the capability, so the process cannot have it.
    match answer {
        0 => Ok(()),
        _ => Some(io::Error::last_os_error()).filter(|e| e.raw_os_error() != Some(libc::EINVAL)).map_or(Ok(()), Err),
    }
}

fn duplicate_to(from: RawFd, to: RawFd) -> io::Result<()> {
    // SAFETY: dup2 on two numbers; `to` is a descriptor that init keeps reserved, so nothing of std's is overwritten.
    match unsafe { libc::dup2(from, to) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

fn clear_signal_mask() -> io::Result<()> {
    crate::signals::set_blocked(&[])
}

/// Sends `signal` to every process but the caller, as PID 1 does at the end.
///
/// # Errors
/// `ESRCH` if there is none.
pub fn signal_everyone(signal: i32) -> io::Result<()> {
    // SAFETY: kill takes two numbers and touches no memory. -1 spares the caller itself.
    match unsafe { libc::kill(-1, signal) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
