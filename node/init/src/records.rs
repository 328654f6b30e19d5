//! The kernel's records of what it refused: a socket of the node's own network that `logd`, which is in none and holds no right to it, reads.

use rustix::io::Errno;
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with, sockopt};
use std::os::fd::OwnedFd;

/// `AUDIT_NLGRP_READLOG` (linux/audit.h): one bit for each group.
const READ_LOG: u32 = 1;
/// Room for some four thousand records, in which a flood waits for `logd`; the usual 208 KiB are full after 250.
const BUFFER: usize = 4 << 20;

/// A socket in which records gather from now on.
///
/// # Errors
/// The kernel has no audit, or refuses it.
pub(crate) fn open() -> Result<OwnedFd, Errno> {
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, Some(netlink::AUDIT))?;
    sockopt::set_socket_recv_buffer_size_force(&socket, BUFFER)?;
    bind(&socket, &SocketAddrNetlink::new(0, READ_LOG))?;
    Ok(socket)
}
