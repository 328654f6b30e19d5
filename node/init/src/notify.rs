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
    // Every service may say how it is; which one says it is the kernel's to tell.
    rustix::fs::chmod(path, rustix::fs::Mode::from_raw_mode(0o666))?;
    sockopt::set_socket_passcred(&socket, true)?;
    Ok(socket)
}

/// What the next message is.
pub(crate) enum Next {
    /// This service says that it is ready.
    Ready(String),
    /// This service says how the node is called.
    HostName(String, String),
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
    let Some(service) = sender.filter(|_| whole).and_then(cgroup::service_of) else { return Next::Other };
    let message = &bytes[..got.bytes];
    match host_name(message) {
        Some(name) => Next::HostName(service, name),
        None if says_ready(message) => Next::Ready(service),
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

/// Longest host name the kernel takes (`__NEW_UTS_LEN`).
const MAX_HOST_NAME: usize = 64;

/// The name in a line `HOSTNAME=`, if it can be one.
fn host_name(message: &[u8]) -> Option<String> {
    let name = message.split(|b| *b == b'\n').find_map(|line| line.strip_prefix(b"HOSTNAME="))?;
    let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.');
    let fine = (1..=MAX_HOST_NAME).contains(&name.len()) && name.iter().all(plain);
    fine.then(|| String::from_utf8_lossy(name).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names_are_plain_and_bounded() {
        assert_eq!(host_name(b"HOSTNAME=node-1.example"), Some("node-1.example".to_owned()));
        assert_eq!(host_name(b"X=1\nHOSTNAME=a\n"), Some("a".to_owned()));
        for wrong in [&b"READY=1"[..], b"HOSTNAME=", b"HOSTNAME=a b", b"HOSTNAME=\xff", &[b"HOSTNAME=".as_slice(), &[b'a'; 65]].concat()] {
            assert_eq!(host_name(wrong), None);
        }
    }
}
