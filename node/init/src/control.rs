//! The control socket: fixed-size requests, answered at once, never waited for.

use crate::folders;
use ampoule_supervise::identity::User;
use ampoule_supervise::message::{REQUEST_SIZE, Refusal, Reply, Request, SOCKET};
use rustix::fs::Mode;
use rustix::net::{AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, listen, socket_with, sockopt};
use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;

/// Clients at once; one more and the oldest is closed. Each asks and leaves, so more than a few means one has gone astray.
const MAX_CLIENTS: usize = 16;
/// The most taken from one client, and the most clients let in, before others are served: a flood must not hold up the rest.
const AT_ONCE: usize = 16;

/// The socket and those connected to it.
pub(crate) struct Control {
    /// Readable when someone connects.
    pub(crate) listener: OwnedFd,
    /// Readable when someone asks.
    pub(crate) clients: VecDeque<OwnedFd>,
}

impl Control {
    /// Opens the socket, for root and the group of those who may ask.
    ///
    /// # Errors
    /// It cannot be bound.
    pub(crate) fn open() -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let listener = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        let old = rustix::process::umask(Mode::from_raw_mode(0o177));
        let bound = bind(&listener, &SocketAddrUnix::new(SOCKET)?);
        rustix::process::umask(old);
        bound?;
        User::named("init").map_or(Ok(()), |readers| folders::open_to_group(SOCKET, readers))?;
        listen(&listener, 16)?;
        Ok(Self { listener, clients: VecDeque::new() })
    }

    /// Takes in those who wait.
    pub(crate) fn accept(&mut self) {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        for client in (0..AT_ONCE).map_while(|_| accept_with(&self.listener, flags).ok()) {
            if self.clients.len() == MAX_CLIENTS {
                self.clients.pop_front();
            }
            self.clients.push_back(client);
        }
    }

    /// Lets each client that asked have its answer; who closed, or does not read, is dropped.
    pub(crate) fn serve(&mut self, mut answer: impl FnMut(Request) -> Reply) {
        self.clients.retain(|client| serve_one(client, &mut answer));
    }
}

/// `false` when the client is to be dropped.
fn serve_one(client: &OwnedFd, answer: &mut impl FnMut(Request) -> Reply) -> bool {
    // One byte more than a request, so that a longer datagram is seen to be one.
    let mut bytes = [0u8; REQUEST_SIZE + 1];
    for _ in 0..AT_ONCE {
        let size = match rustix::io::read(client, &mut bytes) {
            Ok(0) => return false,
            Ok(size) => size,
            Err(rustix::io::Errno::AGAIN) => return true,
            Err(_) => return false,
        };
        let reply = match Request::decode(&bytes[..size]) {
            None => Reply::Refused(Refusal::Malformed),
            Some(request) if !request.is_open_to(caller(client)) => Reply::Refused(Refusal::NotAllowed),
            Some(request) => answer(request),
        };
        if rustix::net::send(client, &reply.encode(), SendFlags::NOSIGNAL).is_err() {
            return false;
        }
    }
    true
}

/// The user that connected, as the kernel knew it; nobody where it does not say.
fn caller(client: &OwnedFd) -> u32 {
    sockopt::socket_peercred(client).map_or(User::NOBODY.id(), |peer| peer.uid.as_raw())
}
