//! Descriptors that whoever started this program left open for it.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

/// A descriptor of our own (closed on exec) for what the inherited descriptor `number` is open on.
///
/// The inherited number itself stays open.
///
/// # Errors
/// `EBADF` if nothing was left open there.
pub fn duplicate(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: F_DUPFD_CLOEXEC reads no memory of ours; a number that is not open is answered by EBADF.
    let own = unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 3) };
    if own < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor for us; nobody else knows its number.
    Ok(unsafe { OwnedFd::from_raw_fd(own) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_and_closed_numbers() {
        assert!(duplicate(0).is_ok_and(|own| std::os::fd::AsRawFd::as_raw_fd(&own) >= 3));
        assert!(duplicate(9_999).is_err());
    }
}
