//! Batches for the kernel's packet filter.

use std::io;

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, sendto, socket_with, sockopt};

/// What the socket may hold at once. A batch is copied into the socket whole; the usual 208 KiB end at some 400 rules.
const BUFFER: usize = 2 << 20;
/// Room for one datagram of answers. An answer repeats the refused message, which is under 4 KiB.
const DATAGRAM: usize = 32 << 10;
/// No more answers than this are read: a bound against a socket that never falls silent.
const MOST_DATAGRAMS: usize = 4096;

/// Sends one batch of nfnetlink messages and returns all the kernel answered, datagram after datagram.
///
/// Needs `CAP_NET_ADMIN`. The kernel handles a batch within the send, so nothing is waited for.
///
/// # Errors
/// The socket cannot be made (`EPROTONOSUPPORT`: no nfnetlink in the kernel) or the batch is larger than it takes.
pub fn exchange(batch: &[u8]) -> io::Result<Vec<u8>> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, Some(netlink::NETFILTER))?;
    sockopt::set_socket_send_buffer_size_force(&socket, BUFFER)?;
    sockopt::set_socket_recv_buffer_size_force(&socket, BUFFER)?;
    let kernel = netlink::SocketAddrNetlink::new(0, 0);
    let sent = sendto(&socket, batch, SendFlags::empty(), &kernel)?;
    if sent != batch.len() {
        return Err(io::ErrorKind::WriteZero.into());
    }
    receive_all(&socket)
}

fn receive_all(socket: &impl std::os::fd::AsFd) -> io::Result<Vec<u8>> {
    let mut answers = Vec::new();
    let mut datagram = vec![0; DATAGRAM];
    for _ in 0..MOST_DATAGRAMS {
        match recv(socket, &mut datagram[..], RecvFlags::empty()) {
            Ok((length, _)) => answers.extend_from_slice(&datagram[..length]),
            Err(rustix::io::Errno::AGAIN) => break,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(answers)
}
