//! Making a service's process: everything that happens between fork and exec.

use crate::privilege::{self, Privilege};
use crate::seccomp::Filter;
use crate::view::{self, Mounts};
use rustix::process::{Gid, Resource, Rlimit};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// What the new process gives up or gets before it becomes the service.
#[derive(Debug)]
pub struct Confinement {
    /// `cgroup.procs` of its control group, open for writing.
    pub cgroup_procs: OwnedFd,
    /// `RLIMIT_NOFILE`, soft and hard.
    pub open_files: Option<u64>,
    /// Written to `/proc/self/oom_score_adj`.
    pub oom_score_adjust: Option<i16>,
    /// Whether it stays in the network of who starts it.
    pub network: bool,
    /// Its view of the file systems; `None`: that of who starts it.
    pub mounts: Option<Mounts>,
    /// Whom it runs as and what it may do.
    pub privilege: Privilege,
    /// `PR_SET_NO_NEW_PRIVS`
    pub no_new_privileges: bool,
    /// The system calls it may make; `None`: all.
    pub seccomp: Option<Filter>,
    /// Becomes descriptor 3 of the new process.
    pub descriptor_3: Option<OwnedFd>,
}

/// What a process ends with that could not be confined or whose program could not be started, as with shells (POSIX, 2.8.2).
pub const NOT_STARTED: i32 = 126;

/// Starts `command` confined and returns the number of its process at once, while that still sets itself up: its session, control group, limits, view and rights are set
/// before its first instruction. One for which this fails says which step it was on its own output, and ends with [`NOT_STARTED`].
///
/// # Errors
/// There can be no process.
pub fn spawn_confined(command: &mut Command, confinement: Confinement) -> io::Result<u32> {
    let groups: Vec<Gid> = confinement.privilege.groups.iter().map(|id| Gid::from_raw(*id)).collect();
    // SAFETY: the closure only makes system calls on values moved into it.
    unsafe { command.pre_exec(move || confine(&confinement, &groups)) };
    // SAFETY: who calls this has one thread (`init`), so the child has all that its thread had, and no lock is held by anyone.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => become_program(command),
        child => Ok(child.unsigned_abs()),
    }
}

/// Does `work` in a process of its own, behind everything else, and does not wait for it. Whoever calls this reaps it.
///
/// # Errors
/// There can be no process.
pub fn in_background(work: impl FnOnce()) -> io::Result<()> {
    // SAFETY: as above: who calls this has one thread.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            // Refused: then it is as urgent as others.
            let _ = rustix::process::nice(19);
            work();
            // SAFETY: ends the process at once.
            unsafe { libc::_exit(0) }
        }
        _ => Ok(()),
    }
}

/// The rest of the child's life in this program. It never returns, whatever happens.
fn become_program(command: &mut Command) -> ! {
    let error = command.exec();
    let code = error.raw_os_error().unwrap_or(0);
    let program = command.get_program().as_encoded_bytes();
    for part in [b"<3>init could not start ", program, b": error ", &decimal(code.unsigned_abs()), b" (errno(3))\n"] {
        // What cannot be said is not said; the exit status says it.
        let _ = rustix::io::write(rustix::stdio::stderr(), part);
    }
    // SAFETY: ends the process at once: nothing of the parent's is flushed or run a second time.
    unsafe { libc::_exit(NOT_STARTED) }
}

fn confine(to: &Confinement, groups: &[Gid]) -> io::Result<()> {
    step("session", rustix::process::setsid().map(drop).map_err(Into::into))?;
    step("control group", rustix::io::write(&to.cgroup_procs, b"0").map(drop).map_err(Into::into))?;
    step("signals", clear_signal_mask())?;
    // Before the view, in which /proc is read-only.
    step("limits", set_limits(to))?;
    if !to.network {
        step("network", view::leave_network())?;
    }
    step("view", to.mounts.as_ref().map_or(Ok(()), view::enter))?;
    step("descriptor 3", to.descriptor_3.as_ref().map_or(Ok(()), |fd| duplicate_to(fd.as_raw_fd(), 3)))?;
    // After all that opens files: what is inherited until exec counts as well, and init holds many.
    step("open files", to.open_files.map_or(Ok(()), |most| set_limit(Resource::Nofile, most)))?;
    step("privileges", privilege::drop_to(&to.privilege, groups))?;
    if to.no_new_privileges {
        step("no new privileges", rustix::thread::set_no_new_privs(true).map_err(Into::into))?;
    }
    // The last step: the list allows what the service needs, not what the steps above do.
    step("list of system calls", to.seccomp.as_ref().map_or(Ok(()), Filter::load))
}

/// Says on the service's own output which step failed: the error that comes after it is a number only.
fn step(name: &'static str, done: io::Result<()>) -> io::Result<()> {
    if done.is_err() {
        // What cannot be said is not said; the error itself goes to the parent.
        for part in ["<3>init could not confine this service: ", name, "\n"] {
            let _ = rustix::io::write(rustix::stdio::stderr(), part.as_bytes());
        }
    }
    done
}

fn set_limits(to: &Confinement) -> io::Result<()> {
    // Its memory may hold secrets, and a core file would outlive it.
    set_limit(Resource::Core, 0)?;
    to.oom_score_adjust.map_or(Ok(()), write_oom_score)
}

fn set_limit(resource: Resource, most: u64) -> io::Result<()> {
    Ok(rustix::process::setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?)
}

fn write_oom_score(score: i16) -> io::Result<()> {
    let sign: &[u8] = if score < 0 { b"-" } else { b"" };
    let text = [sign, &decimal(u32::from(score.unsigned_abs()))].concat();
    let file = rustix::fs::open(c"/proc/self/oom_score_adj", rustix::fs::OFlags::WRONLY, rustix::fs::Mode::empty())?;
    rustix::io::write(&file, &text)?;
    Ok(())
}

fn decimal(number: u32) -> Vec<u8> {
    number.to_string().into_bytes()
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
