//! The kernel's records of what it refused, as it multicasts them (`AUDIT_NLGRP_READLOG`, linux/audit.h). Its log has them too, but of all that
//! come in five seconds it prints the first few (`kernel.printk_ratelimit_burst`), whoever caused them.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::{
    io::Errno,
    net::{AddressFamily, RecvFlags, recv, sockopt},
};

use crate::denials::Denials;

/// Larger than any (`MAX_AUDIT_MESSAGE_LENGTH`).
const MAX_RECORD: usize = 16 * 1024;
/// `struct nlmsghdr` (linux/netlink.h).
const HEADER: usize = 16;
/// Taken in one round, so that a flood does not shut out the services.
const MAX_ROUND: usize = 1024;

/// Reads the socket that init has opened; who reads it needs no right for that.
#[derive(Debug)]
pub(crate) struct Records {
    socket: OwnedFd,
    denials: Denials,
    buffer: Vec<u8>,
    /// Number of the last record that was read.
    last: u64,
    /// Some could not be kept for want of room since then.
    overrun: bool,
}

impl Records {
    pub(crate) fn over(socket: OwnedFd, denials: Denials) -> Self {
        Self { socket, denials, buffer: vec![0; MAX_RECORD], last: 0, overrun: false }
    }

    /// Counts what has come.
    ///
    /// # Errors
    /// Nothing will come any more.
    pub(crate) fn read(&mut self) -> io::Result<()> {
        for _ in 0..MAX_ROUND {
            match recv(&self.socket, &mut self.buffer[..], RecvFlags::DONTWAIT) {
                Ok((0, _)) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok((length, _)) => self.take(length),
                Err(Errno::NOBUFS) => self.overrun = true,
                Err(Errno::AGAIN | Errno::INTR) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn take(&mut self, length: usize) {
        let Some(line) = line(&self.buffer[..length]) else { return };
        if let Some(serial) = ampoule_denials::serial(&line) {
            let between = serial.saturating_sub(self.last).saturating_sub(1);
            if self.overrun && self.last > 0 {
                self.denials.lose(between);
            }
            (self.last, self.overrun) = (serial.max(self.last), false);
        }
        self.denials.take_record(&line);
    }
}

impl AsFd for Records {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Whether a descriptor is such a socket.
pub(crate) fn is_one(descriptor: &OwnedFd) -> bool {
    sockopt::socket_domain(descriptor) == Ok(AddressFamily::NETLINK)
}

/// A record as the kernel's log would have it. Its length in the header is not that of the record, so what came is what counts.
fn line(message: &[u8]) -> Option<String> {
    let (header, text) = message.split_at_checked(HEADER)?;
    let kind = u16::from_ne_bytes([header[4], header[5]]);
    Some(format!("audit: type={kind} {}", String::from_utf8_lossy(text).trim_end_matches('\0')))
}

#[cfg(test)]
mod tests {
    use rustix::net::{SendFlags, SocketFlags, SocketType, send, socketpair};

    use super::*;

    fn message(kind: u16, text: &str) -> Vec<u8> {
        let mut bytes = vec![0; HEADER];
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes.extend_from_slice(text.as_bytes());
        bytes
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
        let in_log = line(&mount(4, "s0:c1,c2")).expect("a line");
        denials.take(&in_log);
        let mut records = Records::over(socket, denials.clone());
        for bytes in
            [mount(4, "s0:c1,c2"), mount(5, "s0:c3,c4"), message(1403, "audit(7.000:6): policy loaded"), mount(7, "s0:c3,c4"), vec![1]]
        {
            send(&kernel, &bytes, SendFlags::empty()).expect("sent");
        }
        records.read().expect("read");
        denials.take(&line(&mount(7, "s0:c3,c4")).expect("a line"));
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
        send(&kernel, &mount(5, "s0"), SendFlags::empty()).expect("sent");
        records.read().expect("read");
        // A socket of this kind never says so.
        records.overrun = true;
        send(&kernel, &mount(105, "s0"), SendFlags::empty()).expect("sent");
        send(&kernel, &mount(107, "s0"), SendFlags::empty()).expect("sent");
        records.read().expect("read");
        assert_eq!(denials.list().left_out, 99);
    }

    #[test]
    fn a_pipe_is_none() {
        let (reader, _writer) = std::io::pipe().expect("a pipe");
        assert!(!is_one(&reader.into()) && !is_one(&pair().0));
    }
}
