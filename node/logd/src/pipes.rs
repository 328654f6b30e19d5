//! The output of the services: read ends of pipes, handed over by init.

use std::{
    fs::File,
    io::{self, IoSliceMut, Read},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::fs::MetadataExt,
    },
};

use ampoule_logwire::{LineSplitter, Source};
use rustix::{
    io::Errno,
    net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SocketType, recvmsg, sockopt},
};

use crate::{clock::Moment, draft::Draft, records};

mod repeats;
use repeats::Repeats;

/// Most pipes: more than services fit in an image. Further ones are refused, their services' output waits in init.
const MAX_PIPES: usize = 256;
/// Longest name in a message of init.
const MAX_NAME: usize = 256;
/// Read from one pipe in one round: what a pipe holds. So no service waits longer than one such piece of each other.
const PIECE: usize = 64 * 1024;
/// Where init left its socket.
const HANDOVER: i32 = 3;

/// What init hands over.
#[derive(Debug)]
pub(crate) enum Handed {
    /// The output of a service.
    Pipe(Pipe),
    /// The kernel's records of what it refused.
    Records(OwnedFd),
}

/// The socket over which init hands pipes: one message = name of the service + descriptor.
#[derive(Debug)]
pub(crate) struct Handover(OwnedFd);

impl Handover {
    /// `None` if this was not started by init.
    pub(crate) fn inherited() -> Option<Self> {
        Self::over(ampoule_sys::inherited::duplicate(HANDOVER).ok()?)
    }

    /// `None` if `socket` is none of the right kind.
    pub(crate) fn over(socket: OwnedFd) -> Option<Self> {
        (sockopt::socket_type(&socket) == Ok(SocketType::SEQPACKET)).then_some(Self(socket))
    }

    /// What is waiting next. `Ok(None)`: nothing now. An error: there will be nothing any more.
    pub(crate) fn next(&self) -> io::Result<Option<Handed>> {
        let mut name = [0; MAX_NAME];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut rights = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
        let message = match recvmsg(&self.0, &mut [IoSliceMut::new(&mut name)], &mut rights, flags) {
            Ok(message) => message,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let descriptor = rights.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        });
        match (message.bytes, descriptor) {
            (0, None) => Err(io::ErrorKind::UnexpectedEof.into()),
            (_, Some(descriptor)) if records::is_one(&descriptor) => Ok(Some(Handed::Records(descriptor))),
            (length, Some(descriptor)) => Ok(Pipe::named(&name[..length], descriptor).map(Handed::Pipe)),
            (_, None) => Ok(None),
        }
    }
}

impl AsFd for Handover {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// One service's output.
#[derive(Debug)]
pub(crate) struct Pipe {
    source: Source,
    file: File,
    /// Device and inode: the same for every descriptor of one pipe.
    identity: (u64, u64),
    lines: LineSplitter,
}

impl Pipe {
    fn named(name: &[u8], descriptor: OwnedFd) -> Option<Self> {
        let name = String::from_utf8_lossy(name);
        let made = name.trim_end_matches(['\0', '\n']).parse().map_err(io::Error::other);
        match made.and_then(|source| Self::of(source, descriptor.into())) {
            Ok(pipe) => Some(pipe),
            Err(error) => {
                log::warn!("a pipe from init was left aside: {error}");
                None
            }
        }
    }

    fn of(source: Source, file: File) -> io::Result<Self> {
        // The loop must never wait for one service, whatever the descriptor really is.
        rustix::io::ioctl_fionbio(&file, true)?;
        let facts = file.metadata()?;
        Ok(Self { source, identity: (facts.dev(), facts.ino()), file, lines: LineSplitter::default() })
    }

    /// Reads what is there. `Err`: the pipe has ended, these are its last lines.
    fn read(&mut self, buffer: &mut [u8]) -> Result<Vec<Draft>, Vec<Draft>> {
        let now = Moment::now();
        match self.file.read(buffer) {
            Ok(0) => Err(self.lines.finish().map(|line| Draft::of_line(&self.source, line, now)).into_iter().collect()),
            Ok(length) => {
                let lines = self.lines.feed(&buffer[..length]);
                Ok(lines.into_iter().map(|line| Draft::of_line(&self.source, line, now)).collect())
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(Vec::new()),
            Err(_) => Err(Vec::new()),
        }
    }
}

impl AsFd for Pipe {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// All pipes.
#[derive(Debug)]
pub(crate) struct Pipes {
    all: Vec<Pipe>,
    buffer: Vec<u8>,
    repeats: Repeats,
}

impl Pipes {
    pub(crate) fn new() -> Self {
        Self { all: Vec::new(), buffer: vec![0; PIECE], repeats: Repeats::default() }
    }

    /// A pipe that init hands over a second time is not read twice.
    pub(crate) fn add(&mut self, pipe: Pipe) {
        if self.all.iter().any(|known| known.identity == pipe.identity) {
            return;
        }
        if self.all.len() < MAX_PIPES {
            self.all.push(pipe);
        } else {
            log::warn!("{}: there are {MAX_PIPES} pipes already, its output is not kept", pipe.source);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Pipe> {
        self.all.iter()
    }

    /// Reads once from each pipe of which `ready` says so (by position); forgets those that ended.
    pub(crate) fn read(&mut self, mut ready: impl Iterator<Item = bool>) -> Vec<Draft> {
        let mut drafts = Vec::new();
        let buffer = &mut self.buffer;
        self.all.retain_mut(|pipe| {
            if !ready.next().unwrap_or(false) {
                return true;
            }
            let (keep, more) = match pipe.read(buffer) {
                Ok(more) => (true, more),
                Err(last) => (false, last),
            };
            drafts.extend(more);
            keep
        });
        self.repeats.filter(drafts)
    }

    /// What is still to be said when this program ends.
    pub(crate) fn finish(&mut self) -> Vec<Draft> {
        self.repeats.finish()
    }
}
