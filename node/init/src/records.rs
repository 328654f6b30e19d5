//! The kernel's records of what it refused: a socket of the node's own network that `logd`, which is in none and holds no right to it, reads.

use rustix::io::Errno;
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, sendto, socket_with, sockopt};
use std::os::fd::OwnedFd;

/// `AUDIT_NLGRP_READLOG` (linux/audit.h): one bit for each group.
const READ_LOG: u32 = 1;
/// Room for some sixteen thousand records, in which a flood waits for `logd`; the usual 208 KiB are full after 250.
const BUFFER: usize = 16 << 20;

/// Records that wait for the kernel's own thread to send them on. Who is refused a call by a list waits for room; what the policy refuses cannot
/// wait and is lost without it, and of the kernel's 64 one that floods leaves none.
const BACKLOG: u32 = 4096;
/// `AUDIT_SET` (linux/audit.h).
const SET: u16 = 1001;
/// `AUDIT_STATUS_BACKLOG_LIMIT` (linux/audit.h).
const BACKLOG_LIMIT: u32 = 0x10;
/// `NLM_F_REQUEST | NLM_F_ACK` (linux/netlink.h).
const REQUEST: u16 = 1 | 4;
/// `struct nlmsghdr` (linux/netlink.h).
const HEADER: usize = 16;

/// A socket in which records gather from now on.
///
/// # Errors
/// The kernel has no audit, or refuses it.
pub(crate) fn open() -> Result<OwnedFd, Errno> {
    let socket = audit()?;
    sockopt::set_socket_recv_buffer_size_force(&socket, BUFFER)?;
    bind(&socket, &SocketAddrNetlink::new(0, READ_LOG))?;
    Ok(socket)
}

/// Makes room for records on their way.
///
/// # Errors
/// The kernel has no audit, or refuses it.
pub(crate) fn make_room() -> Result<(), Errno> {
    let socket = audit()?;
    let to = SocketAddrNetlink::new(0, 0);
    sendto(&socket, &room(BACKLOG), SendFlags::empty(), &to)?;
    let mut answer = [0; 64];
    // It is there when the request was sent: the kernel answers at once.
    let (length, _) = recv(&socket, &mut answer[..], RecvFlags::DONTWAIT)?;
    error_in(&answer[..length])
}

fn audit() -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, Some(netlink::AUDIT))
}

/// A request: header (length, type, flags, number, sender), then the first words of `struct audit_status` (linux/audit.h): what is set, and six
/// values of which the last is the limit. Shorter than the kernel's own is fine.
fn room(limit: u32) -> Vec<u8> {
    let status = [BACKLOG_LIMIT, 0, 0, 0, 0, limit];
    let length = (HEADER + 4 * status.len()) as u32;
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend([SET, REQUEST].map(u16::to_ne_bytes).concat());
    bytes.extend([0, 0].into_iter().chain(status).flat_map(u32::to_ne_bytes));
    bytes
}

/// `struct nlmsgerr` (linux/netlink.h): after the header a negative number of an error, or 0.
fn error_in(answer: &[u8]) -> Result<(), Errno> {
    let number = answer.get(HEADER..HEADER + 4).and_then(|bytes| bytes.try_into().ok()).map(i32::from_ne_bytes);
    match number.ok_or(Errno::BADMSG)? {
        0 => Ok(()),
        number => Err(Errno::from_raw_os_error(number.saturating_neg())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_as_the_kernel_reads_it() {
        let bytes = room(4096);
        assert_eq!(bytes.len(), 40);
        assert_eq!(bytes[..8], [40, 0, 0, 0, 0xe9, 3, 5, 0]);
        assert_eq!((bytes[16], &bytes[36..]), (0x10, &[0, 16, 0, 0][..]));
    }

    #[test]
    fn an_answer_is_an_error_or_none() {
        let answer = |number: i32| [&[0; HEADER][..], &number.to_ne_bytes(), &[0; 16]].concat();
        assert_eq!((error_in(&answer(0)), error_in(&answer(-1))), (Ok(()), Err(Errno::PERM)));
        assert_eq!(error_in(&[0; 18]), Err(Errno::BADMSG));
    }
}
