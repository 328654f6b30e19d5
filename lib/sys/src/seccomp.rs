//! Lists of system calls, compiled when the image was built (`policy/seccomp`).

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Bytes of an instruction of the kernel's packet filter machine (`struct sock_filter`).
const INSTRUCTION: usize = 8;
/// Most instructions the kernel takes (`BPF_MAXINSNS`).
const MOST: usize = 4096;

/// A compiled list.
#[derive(Debug, Clone)]
pub struct Filter(Vec<libc::sock_filter>);

impl Filter {
    /// Reads a compiled list: instructions one after another, numbers in this machine's order. The kernel checks what they say.
    ///
    /// # Errors
    /// `InvalidData`: not a whole number of instructions, or none, or more than the kernel takes.
    pub fn read(bytes: &[u8]) -> io::Result<Self> {
        let whole = bytes.len().is_multiple_of(INSTRUCTION) && (1..=MOST).contains(&(bytes.len() / INSTRUCTION));
        if !whole {
            let reason = format!("{} bytes are no compiled list of system calls", bytes.len());
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        Ok(Self(bytes.chunks_exact(INSTRUCTION).map(instruction).collect()))
    }

    /// Puts the list into force for this process and all that come of it. Allocates nothing.
    ///
    /// # Errors
    /// `EACCES` without `no_new_privs`; `EINVAL` for a program that the kernel refuses.
    pub(crate) fn load(&self) -> io::Result<()> {
        let length = u16::try_from(self.0.len()).map_err(|_| io::ErrorKind::InvalidData)?;
        let program = libc::sock_fprog { len: length, filter: self.0.as_ptr().cast_mut() };
        // No flag: a kill is in the kernel's log without being asked for, and the refusals that a list means (`clone3`) need not be.
        // SAFETY: `program` points at `length` instructions that outlive the call; the kernel copies and never writes them.
        let answer = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program) };
        if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

/// Makes `command` start a program that gains no rights and makes no call that is not on the list; nothing else of the box of a service. For tests of programs.
pub fn restrict(command: &mut Command, filter: Filter) {
    // SAFETY: the closure only makes system calls on a value moved into it.
    unsafe {
        command.pre_exec(move || {
            rustix::thread::set_no_new_privs(true)?;
            filter.load()
        });
    }
}

fn instruction(bytes: &[u8]) -> libc::sock_filter {
    libc::sock_filter {
        code: u16::from_ne_bytes([bytes[0], bytes[1]]),
        jt: bytes[2],
        jf: bytes[3],
        k: u32::from_ne_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_list_is_refused() {
        for wrong in [&[][..], &[0; 7], &[0; 12], &[0; (MOST + 1) * INSTRUCTION]] {
            assert!(Filter::read(wrong).is_err(), "{} bytes", wrong.len());
        }
    }

    #[test]
    fn instructions_come_as_they_were_written() {
        let filter = Filter::read(&[0x06, 0, 1, 2, 0, 0, 0xff, 0x7f]).expect("one instruction");
        let [only] = filter.0[..] else { panic!("{filter:?}") };
        assert_eq!((only.code, only.jt, only.jf, only.k), (6, 1, 2, 0x7fff_0000));
    }
}
