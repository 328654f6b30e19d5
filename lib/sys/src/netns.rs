//! Network namespaces, and user namespaces that own one.

use std::{
    io,
    sync::{Mutex, PoisonError},
};

use rustix::{
    process::{DumpableBehavior, Pid, Signal, WaitOptions, dumpable_behavior, kill_process, set_dumpable_behavior, waitpid},
    thread::{UnshareFlags, unshare_unsafe},
};

/// Moves the calling thread, and no other, into a new and empty network namespace.
///
/// Call it on a thread made for the purpose: the thread stays there.
pub fn enter_new_network_namespace() -> io::Result<()> {
    // SAFETY: the flag is fixed to NEWNET, which leaves the descriptor table and the memory of
    // the process shared as before; the unsafety of this call is that of UnshareFlags::FILES alone.
    unsafe { unshare_unsafe(UnshareFlags::NEWNET) }.map_err(io::Error::from)
}

/// A process that does nothing but hold a new user namespace and a new network namespace that belongs to it. It ends when
/// this is dropped; what was bound or opened from its `/proc/PID/ns` lives on.
#[derive(Debug)]
pub struct NamespaceHolder(Pid);

impl NamespaceHolder {
    /// Makes it. No id is mapped yet: write its `/proc/PID/uid_map` and `gid_map` (user_namespaces(7)).
    ///
    /// # Errors
    /// As clone(2); `ENOSPC` where user namespaces are switched off.
    pub fn new() -> io::Result<Self> {
        let flags = libc::CLONE_NEWUSER | libc::CLONE_NEWNET | libc::SIGCHLD;
        let none: libc::c_ulong = 0;
        let _open = Open::for_a_moment()?;
        // SAFETY: without CLONE_VM and with no stack this is a fork: the child has its own memory. It never leaves the branch below.
        match unsafe { libc::syscall(libc::SYS_clone, flags as libc::c_ulong, none, none, none, none) } {
            -1 => Err(io::Error::last_os_error()),
            0 => hold(),
            pid => i32::try_from(pid).ok().and_then(Pid::from_raw).map(Self).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData)),
        }
    }

    /// Its number, as the caller's `/proc` has it.
    pub fn pid(&self) -> u32 {
        self.0.as_raw_nonzero().get().unsigned_abs()
    }
}

/// A child's namespaces are shown to its parent only if its memory is open to others of its user (`ptrace_may_access` of the kernel), as its parent's is when it is made.
struct Open(DumpableBehavior, #[expect(dead_code, reason = "held")] std::sync::MutexGuard<'static, ()>);

impl Open {
    /// Until it is dropped; one at a time, so that what was before is known.
    fn for_a_moment() -> io::Result<Self> {
        static ONE: Mutex<()> = Mutex::new(());
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let before = dumpable_behavior()?;
        set_dumpable_behavior(DumpableBehavior::Dumpable)?;
        Ok(Self(before, one))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // The kernel refuses none of its own values.
        let _ = set_dumpable_behavior(self.0);
    }
}

/// The whole life of the child. Other threads of the parent may have held any lock when it began: system calls only.
fn hold() -> ! {
    // SAFETY: an empty set is a valid value, and these calls touch nothing but that set and the calling process. The parent's handlers must not run here.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::sigprocmask(libc::SIG_SETMASK, &all, std::ptr::null_mut());
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
    }
    loop {
        // SAFETY: takes nothing, waits.
        unsafe { libc::pause() };
    }
}

impl Drop for NamespaceHolder {
    fn drop(&mut self) {
        // It cannot be gone before it is waited for.
        let _ = kill_process(self.0, Signal::KILL);
        let _ = waitpid(Some(self.0), WaitOptions::empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Needs root; says so and passes without, unless AMPOULE_REQUIRE_KERNEL is set.
    #[test]
    fn a_holder_holds_namespaces_of_its_own_and_leaves_no_process() {
        set_dumpable_behavior(DumpableBehavior::NotDumpable).expect("closed");
        let holder = match NamespaceHolder::new() {
            Ok(holder) => holder,
            Err(why) if std::env::var_os("AMPOULE_REQUIRE_KERNEL").is_some() => panic!("no user namespace: {why}"),
            Err(why) => return eprintln!("skipped: no user namespace: {why}"),
        };
        let folder = format!("/proc/{}", holder.pid());
        for kind in ["user", "net"] {
            let of = |whose: &str| std::fs::read_link(format!("{whose}/ns/{kind}")).expect("a namespace");
            assert_ne!(of(&folder), of("/proc/self"), "{kind}");
        }
        assert_eq!(dumpable_behavior().expect("asked"), DumpableBehavior::NotDumpable);
        drop(holder);
        assert!(!std::path::Path::new(&folder).exists());
    }
}
