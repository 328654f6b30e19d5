//! The limit of a hardware watchdog (Linux, `Documentation/watchdog/watchdog-api.rst`). It is fed, and stopped, by plain writes.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// `_IOWR('W', 6, int)`: set the limit; the driver writes back what it made of it.
const WDIOC_SETTIMEOUT: u32 = 0xc004_5706;
/// `_IOR('W', 7, int)`: read the limit.
const WDIOC_GETTIMEOUT: u32 = 0x8004_5707;

/// Sets how long the open watchdog `device` may hear nothing before it resets the machine, in seconds; gives what the driver made of it.
///
/// # Errors
/// The driver's answer: `EOPNOTSUPP` if the limit cannot be set, `EINVAL` if it takes no such; `ENOTTY` if this is no watchdog.
pub fn set_watchdog_timeout(device: impl AsFd, seconds: u32) -> io::Result<u32> {
    let seconds = i32::try_from(seconds).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
    ask(device, WDIOC_SETTIMEOUT, seconds)
}

/// How long the open watchdog `device` may hear nothing before it resets the machine, in seconds.
///
/// # Errors
/// The driver's answer: `EOPNOTSUPP` if it does not tell; `ENOTTY` if this is no watchdog.
pub fn watchdog_timeout(device: impl AsFd) -> io::Result<u32> {
    ask(device, WDIOC_GETTIMEOUT, 0)
}

fn ask(device: impl AsFd, request: u32, mut seconds: libc::c_int) -> io::Result<u32> {
    // SAFETY: both requests read or write one int at the pointer; `seconds` outlives the call.
    let answer = unsafe { libc::ioctl(device.as_fd().as_raw_fd(), request as _, &raw mut seconds) };
    if answer < 0 {
        return Err(io::Error::last_os_error());
    }
    u32::try_from(seconds).map_err(|_| io::Error::other("the driver tells a limit below zero"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_watchdog_says_so() {
        let null = std::fs::File::open("/dev/null").expect("open");
        for answer in [set_watchdog_timeout(&null, 30), watchdog_timeout(&null)] {
            assert_eq!(answer.expect_err("no watchdog").raw_os_error(), Some(libc::ENOTTY));
        }
        assert_eq!(set_watchdog_timeout(&null, u32::MAX).expect_err("too long").raw_os_error(), Some(libc::EINVAL));
    }
}
