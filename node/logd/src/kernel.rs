//! The kernel's log, `/dev/kmsg` (Documentation/ABI/testing/dev-kmsg).

use std::{
    fs::{self, File, OpenOptions},
    io::Read,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::fs::OpenOptionsExt,
    },
    path::PathBuf,
};

use ampoule_denials::Record;
use ampoule_logwire::{MAX_TEXT, Source};
use rustix::{fs::OFlags, io::Errno};

use crate::{clock::Moment, denials::Denials, draft::Draft};

/// Largest message the device gives in one read.
const MAX_MESSAGE: usize = 8 * 1024;
/// Messages taken in one round, so that a chatty kernel does not shut out the services.
const MAX_ROUND: usize = 256;

/// One message of the kernel.
#[derive(Debug, PartialEq, Eq)]
struct Message {
    level: u8,
    /// The kernel's own; a program that writes to the device cannot claim it (`devkmsg_write`).
    is_kernels: bool,
    seq: u64,
    monotonic_ms: u64,
    text: String,
}

/// Reads the device, and remembers in a file how far, so that a restart of this program repeats nothing.
#[derive(Debug)]
pub(crate) struct KernelLog {
    device: File,
    source: Source,
    memory: PathBuf,
    denials: Denials,
    /// Number of the next message that is news.
    next: u64,
    /// All that was there before has been read.
    has_caught_up: bool,
}

impl KernelLog {
    /// `None` where there is no kernel log to read; `memory` is lost at reboot, as the kernel's numbers are.
    pub(crate) fn open(memory: PathBuf, denials: Denials) -> Option<Self> {
        let flags = OFlags::NONBLOCK.bits() as i32;
        let device = OpenOptions::new().read(true).custom_flags(flags).open("/dev/kmsg");
        let device = device.map_err(|error| log::warn!("/dev/kmsg: {error}; the kernel's messages are not kept")).ok()?;
        let next = fs::read_to_string(&memory).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        Some(Self { device, source: "kernel".parse().ok()?, memory, denials, next, has_caught_up: false })
    }

    /// What is new.
    pub(crate) fn read(&mut self, now: Moment) -> Vec<Draft> {
        let mut drafts = Vec::new();
        let mut buffer = vec![0; MAX_MESSAGE];
        for _ in 0..MAX_ROUND {
            match self.device.read(&mut buffer) {
                Ok(length) => drafts.extend(parse(&buffer[..length]).and_then(|message| self.draft(message, now))),
                // The oldest messages were overwritten before they were read; the next read goes on after them.
                Err(error) if error.raw_os_error() == Some(Errno::PIPE.raw_os_error()) => {}
                Err(_) => {
                    self.has_caught_up = true;
                    break;
                }
            }
        }
        if !drafts.is_empty() {
            // Lost, it costs repeated messages after a restart, nothing else.
            let _ = fs::write(&self.memory, self.next.to_string());
        }
        drafts
    }

    /// Whether all was read that had been written before this program was there.
    pub(crate) fn has_caught_up(&self) -> bool {
        self.has_caught_up
    }

    fn draft(&mut self, message: Message, now: Moment) -> Option<Draft> {
        // What an earlier life of this program has kept is counted all the same: counts are not kept.
        if message.is_kernels {
            self.denials.take(&message.text);
        }
        if message.seq < self.next {
            return None;
        }
        self.next = message.seq + 1;
        // Nobody could find anything else in a log of these.
        if message.is_kernels && Record::of_line(&message.text).is_some_and(|record| record.is_routine()) {
            return None;
        }
        let moment = now.at(message.monotonic_ms);
        Some(Draft { source: self.source.clone(), level: message.level, text: message.text, cut: false, moment })
    }
}

impl AsFd for KernelLog {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}

/// `PRIORITY,SEQ,MICROSECONDS,FLAGS[,…];TEXT\n[ KEY=VALUE\n…]`
fn parse(bytes: &[u8]) -> Option<Message> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once(';')?;
    let mut fields = head.split(',');
    let priority: u32 = fields.next()?.parse().ok()?;
    let seq: u64 = fields.next()?.parse().ok().filter(|seq| *seq < u64::MAX)?;
    let micros: u64 = fields.next()?.parse().ok()?;
    let line: String = body.lines().next()?.chars().take(MAX_TEXT / 4).collect();
    Some(Message { level: (priority & 7) as u8, is_kernels: priority < 8, seq, monotonic_ms: micros / 1000, text: line })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_kernels_format() {
        let bytes = b"4,1234,5140900,-,caller=T1;EXT4-fs (vda2): mounted; fine\n SUBSYSTEM=block\n DEVICE=b254:2\n";
        let text = "EXT4-fs (vda2): mounted; fine".to_owned();
        assert_eq!(parse(bytes), Some(Message { level: 4, is_kernels: true, seq: 1234, monotonic_ms: 5140, text }));
        assert_eq!(parse(b"30,1,0,-;from a program\n").map(|message| (message.level, message.is_kernels)), Some((6, false)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = parse(&bytes);
        }
    }
}
