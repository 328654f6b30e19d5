//! The notify socket: services say that they are ready (`sd_notify(3)`).

use crate::cgroup;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SocketAddrUnix, SocketFlags, SocketType, bind,
    recvmsg, socket_with, sockopt,
};
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

/// Longest notification read; a longer one is dropped whole.
const MAX_MESSAGE: usize = 4096;

/// Opens the socket.
///
/// # Errors
/// It cannot be bound.
pub(crate) fn open(path: &str) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None)?;
    bind(&socket, &SocketAddrUnix::new(path)?)?;
    sockopt::set_socket_passcred(&socket, true)?;
    Ok(socket)
}

/// What the next message is.
pub(crate) enum Next {
    /// This service says that it is ready.
    Ready(String),
    /// Something else, or from nobody we know.
    Other,
    /// No message waits.
    Nothing,
}

/// Takes the next message. The kernel vouches for its sender, and the sender's control group names the service.
pub(crate) fn next(socket: &OwnedFd) -> Next {
    let mut bytes = [0u8; MAX_MESSAGE];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4), ScmCredentials(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut parts = [IoSliceMut::new(&mut bytes)];
    let Ok(got) = recvmsg(socket, &mut parts, &mut ancillary, RecvFlags::CMSG_CLOEXEC) else { return Next::Nothing };
    // Descriptors that someone sent along are closed by the drain.
    let sender = ancillary.drain().filter_map(sender_of).next();
    let whole = !got.flags.contains(ReturnFlags::TRUNC);
    match sender.filter(|_| whole && says_ready(&bytes[..got.bytes])).and_then(cgroup::service_of) {
        Some(service) => Next::Ready(service),
        None => Next::Other,
    }
}

fn sender_of(message: RecvAncillaryMessage<'_>) -> Option<u32> {
    match message {
        RecvAncillaryMessage::ScmCredentials(credentials) => u32::try_from(credentials.pid.as_raw_nonzero().get()).ok(),
        _ => None,
    }
}

fn says_ready(message: &[u8]) -> bool {
    message.split(|b| *b == b'\n').any(|line| line == b"READY=1")
}
