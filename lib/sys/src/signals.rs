//! Signals as readable descriptors.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

/// Blocks exactly `signals` for this thread; an empty list blocks none.
///
/// # Errors
/// `EINVAL` for a number that is no signal.
pub fn set_blocked(signals: &[i32]) -> io::Result<()> {
    let set = signal_set(signals)?;
    // SAFETY: `set` is initialised and outlives the call; the old mask is not asked for.
    match unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Blocks `signals` and returns a non-blocking descriptor that becomes readable when one arrives.
///
/// # Errors
/// What `sigprocmask` or `signalfd` answered.
pub fn signal_descriptor(signals: &[i32]) -> io::Result<OwnedFd> {
    set_blocked(signals)?;
    let set = signal_set(signals)?;
    // SAFETY: `set` is initialised and outlives the call; -1 asks for a new descriptor.
    let fd = unsafe { libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel just gave us this descriptor; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The next signal waiting on a descriptor of [`signal_descriptor`]; `None` when there is none.
#[must_use]
pub fn next_signal(descriptor: impl AsFd) -> Option<i32> {
    let mut info = MaybeUninit::<libc::signalfd_siginfo>::uninit();
    let size = size_of::<libc::signalfd_siginfo>();
    // SAFETY: the kernel writes at most `size` bytes, all into `info`.
    let read = unsafe { libc::read(descriptor.as_fd().as_raw_fd(), info.as_mut_ptr().cast(), size) };
    // SAFETY: read only if the kernel filled the whole structure; any bytes are a valid value of it.
    (usize::try_from(read) == Ok(size)).then(|| unsafe { info.assume_init() }.ssi_signo.cast_signed())
}

fn signal_set(signals: &[i32]) -> io::Result<libc::sigset_t> {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: sigemptyset initialises the whole set; sigaddset then works on an initialised one.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in signals {
            if libc::sigaddset(set.as_mut_ptr(), *signal) != 0 {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(set.assume_init())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_arrives_on_the_descriptor() {
        let fd = signal_descriptor(&[libc::SIGUSR2]).expect("signalfd");
        assert_eq!(next_signal(&fd), None);
        // SAFETY: raise sends a signal to this thread, which has it blocked.
        assert_eq!(unsafe { libc::raise(libc::SIGUSR2) }, 0);
        assert_eq!(next_signal(&fd), Some(libc::SIGUSR2));
    }

    #[test]
    fn what_is_no_signal_is_refused() {
        assert!(set_blocked(&[1000]).is_err());
    }
}
