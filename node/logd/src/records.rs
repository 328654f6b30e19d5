//! The kernel's records of what it refused, as it multicasts them (`AUDIT_NLGRP_READLOG`, linux/audit.h). Its log has them too, but of all that
//! come in five seconds it prints the first few (`kernel.printk_ratelimit_burst`), whoever caused them.

use std::{borrow::Cow, io, os::fd::OwnedFd, thread};

use ampoule_denials::Record;
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
    net::{AddressFamily, RecvFlags, recv, sockopt},
};

use crate::denials::Denials;

/// Larger than any (`MAX_AUDIT_MESSAGE_LENGTH`).
const MAX_RECORD: usize = 16 * 1024;
/// `struct nlmsghdr` (linux/netlink.h).
const HEADER: usize = 16;
/// Its thread counts, no more.
const STACK: usize = 128 * 1024;

/// Reads the socket that init has opened; who reads it needs no right for that.
#[derive(Debug)]
pub(crate) struct Records {
    socket: OwnedFd,
    denials: Denials,
    buffer: Vec<u8>,
}

impl Records {
    pub(crate) fn over(socket: OwnedFd, denials: Denials) -> Self {
        Self { socket, denials, buffer: vec![0; MAX_RECORD] }
    }

    /// Counts from now on, beside the loop that writes: when the socket is full, the kernel drops all that comes until it was read empty, so
    /// nothing here may wait for a disk.
    ///
    /// # Errors
    /// There can be no thread.
    pub(crate) fn follow(mut self) -> io::Result<()> {
        let follow = move || {
            let Err(error) = self.read_all();
            log::warn!("the kernel's records come no more: {error}");
        };
        thread::Builder::new().name("records".into()).stack_size(STACK).spawn(follow).map(drop)
    }

    fn read_all(&mut self) -> Result<std::convert::Infallible, io::Error> {
        loop {
            match poll(&mut [PollFd::new(&self.socket, PollFlags::IN)], None) {
                Ok(_) | Err(Errno::INTR) => self.read()?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Counts what has come.
    fn read(&mut self) -> io::Result<()> {
        loop {
            match recv(&self.socket, &mut self.buffer[..], RecvFlags::DONTWAIT) {
                Ok((0, _)) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok((length, _)) => self.take(length),
                // Some had no room; the numbers of those to come tell how many.
                Err(Errno::NOBUFS | Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn take(&self, length: usize) {
        let told = told(&self.buffer[..length]);
        if let Some(record) = told.as_ref().and_then(|(kind, text)| Record::new(*kind, text)) {
            self.denials.take_record(&record);
        }
    }
}

/// Whether a descriptor is such a socket.
pub(crate) fn is_one(descriptor: &OwnedFd) -> bool {
    sockopt::socket_domain(descriptor) == Ok(AddressFamily::NETLINK)
}

/// Kind and text of a record. Its length in the header is not that of the record, so what came is what counts.
fn told(message: &[u8]) -> Option<(u16, Cow<'_, str>)> {
    let (header, text) = message.split_at_checked(HEADER)?;
    let text = text.iter().rposition(|byte| *byte != 0).map_or(&[][..], |last| &text[..=last]);
    Some((u16::from_ne_bytes([header[4], header[5]]), String::from_utf8_lossy(text)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rustix::net::{SendFlags, SocketFlags, SocketType, send, socketpair};

    use super::*;

    fn message(kind: u16, text: &str) -> Vec<u8> {
        let mut bytes = vec![0; HEADER];
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes.extend_from_slice(text.as_bytes());
        bytes
    }

    /// As the kernel's log has it.
    fn line(message: &[u8]) -> String {
        let (kind, text) = told(message).expect("a record");
        format!("audit: type={kind} {text}")
    }

    fn mount(serial: u64, level: &str) -> Vec<u8> {
        let text =
            format!("audit(7.000:{serial}): subj=u:r:container_t:{level} pid=9 comm=\"x\" sig=0 arch=c000003e syscall=165 code=0x50000");
        message(1326, &text)
    }

    fn pair() -> (OwnedFd, OwnedFd) {
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).expect("a pair")
    }

    #[test]
    fn records_are_counted_once_whichever_way_they_come() {
        let (kernel, socket) = pair();
        let denials = Denials::default();
        denials.take(&line(&mount(4, "s0:c1,c2")));
        let mut records = Records::over(socket, denials.clone());
        for bytes in
            [mount(4, "s0:c1,c2"), mount(5, "s0:c3,c4"), message(1403, "audit(7.000:6): policy loaded"), mount(7, "s0:c3,c4"), vec![1]]
        {
            send(&kernel, &bytes, SendFlags::empty()).expect("sent");
        }
        records.read().expect("read");
        denials.take(&line(&mount(7, "s0:c3,c4")));
        let list = denials.list();
        let told: Vec<_> = list.denials.iter().map(|d| (d.count, d.level.as_deref().unwrap_or_default())).collect();
        assert_eq!((told, list.left_out), (vec![(2, "s0:c3,c4"), (1, "s0:c1,c2")], 0));
        drop(kernel);
        assert!(records.read().is_err(), "a socket at its end is read no more");
    }

    #[test]
    fn what_had_no_room_is_counted_as_left_out() {
        let (kernel, socket) = pair();
        let denials = Denials::default();
        let mut records = Records::over(socket, denials.clone());
        // What waited in the full socket comes first, without a gap.
        for serial in [5, 6, 106, 107] {
            send(&kernel, &mount(serial, "s0"), SendFlags::empty()).expect("sent");
        }
        records.read().expect("read");
        assert_eq!(denials.list().left_out, 99);
    }

    #[test]
    fn they_are_counted_as_they_come() {
        let (kernel, socket) = pair();
        let denials = Denials::default();
        Records::over(socket, denials.clone()).follow().expect("follows");
        send(&kernel, &mount(5, "s0"), SendFlags::empty()).expect("sent");
        let is_counted = || !denials.list().denials.is_empty();
        let came = (0..1000).any(|_| is_counted() || (thread::sleep(Duration::from_millis(10)), false).1);
        assert!(came, "ten seconds later it is not there");
    }

    #[test]
    fn a_pipe_is_none() {
        let (reader, _writer) = std::io::pipe().expect("a pipe");
        assert!(!is_one(&reader.into()) && !is_one(&pair().0));
    }
}
