//! The pipes of the services' output. `init` keeps both ends, so that nothing is lost or broken while `logd` is away.

use crate::records;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, sendmsg, socketpair};
use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

/// No service has this name; `logd` knows the socket by what it is.
const RECORDS: &str = "kernel/records";

struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
}

/// One pipe per service, and the socket over which `logd` gets their read ends.
#[derive(Default)]
pub(crate) struct Output {
    pipes: BTreeMap<String, Pipe>,
    to_logd: Option<OwnedFd>,
}

impl Output {
    /// The write end of a service's pipe, for its standard output and error.
    ///
    /// # Errors
    /// No descriptors are left.
    pub(crate) fn writer(&mut self, name: &str) -> io::Result<OwnedFd> {
        if !self.pipes.contains_key(name) {
            let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
            self.pipes.insert(name.to_owned(), Pipe { read, write });
            self.offer(name);
        }
        self.pipes[name].write.try_clone()
    }

    /// A new socket for a `logd` that is about to start; it finds every pipe waiting in it.
    ///
    /// # Errors
    /// No descriptors are left.
    pub(crate) fn connect_logd(&mut self) -> io::Result<OwnedFd> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        self.to_logd = Some(ours);
        let names: Vec<String> = self.pipes.keys().cloned().collect();
        names.iter().for_each(|name| self.offer(name));
        self.offer_records();
        Ok(theirs)
    }

    /// A new socket each time: the old one, if any, ended with the old `logd`.
    fn offer_records(&self) {
        let handed = self.to_logd.as_ref().map(|socket| send(socket, RECORDS, &records::open()?));
        if let Some(Err(error)) = handed {
            crate::console::log(crate::console::Level::Error, &format!("The kernel's records do not reach logd: {error}"));
        }
    }

    fn offer(&self, name: &str) {
        let (Some(socket), Some(pipe)) = (&self.to_logd, self.pipes.get(name)) else { return };
        if let Err(error) = send(socket, name, &pipe.read) {
            crate::console::log(crate::console::Level::Error, &format!("Output of `{name}` does not reach logd: {error}"));
        }
    }
}

/// A dead `logd` gets everything anew when it is started again, so its broken socket is no error.
fn send(socket: &OwnedFd, name: &str, read: &OwnedFd) -> Result<(), Errno> {
    let fds = [read.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    ancillary.push(SendAncillaryMessage::ScmRights(&fds));
    match sendmsg(socket, &[IoSlice::new(name.as_bytes())], &mut ancillary, SendFlags::NOSIGNAL) {
        Ok(_) | Err(Errno::PIPE | Errno::CONNRESET) => Ok(()),
        Err(error) => Err(error),
    }
}
