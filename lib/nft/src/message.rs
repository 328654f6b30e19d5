//! Netlink messages and attributes as bytes.

use crate::numbers::{FAMILY_IPV4, NESTED, SUBSYSTEM_NFTABLES, flag, kind};

/// Length of `struct nlmsghdr`.
pub(crate) const HEADER: usize = 16;
/// Length of the header of an attribute.
const ATTRIBUTE_HEADER: usize = 4;

/// Writes the messages of one batch, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// Adds the message that opens or closes a batch.
    pub(crate) fn boundary(&mut self, kind: u16, sequence: u32) {
        let start = self.header(kind, flag::REQUEST, sequence);
        // Here the family is unspecified and the last field names the subsystem.
        self.bytes.extend([0, 0]);
        self.bytes.extend(SUBSYSTEM_NFTABLES.to_be_bytes());
        self.close_message(start);
    }

    /// Adds a message whose attributes `fill` writes.
    pub(crate) fn message(&mut self, kind: u16, flags: u16, sequence: u32, fill: impl FnOnce(&mut Self)) {
        let start = self.header(kind, flags | flag::REQUEST, sequence);
        self.bytes.extend([FAMILY_IPV4, 0, 0, 0]);
        fill(self);
        self.close_message(start);
    }

    fn header(&mut self, kind: u16, flags: u16, sequence: u32) -> usize {
        let start = self.bytes.len();
        self.bytes.extend([0; 4]);
        self.bytes.extend(kind.to_ne_bytes());
        self.bytes.extend(flags.to_ne_bytes());
        self.bytes.extend(sequence.to_ne_bytes());
        // Sender's port: 0 lets the kernel use that of the socket.
        self.bytes.extend([0; 4]);
        start
    }

    fn close_message(&mut self, start: usize) {
        // All parts are bounded (see `batch`), so a message is far below 4 GiB.
        let length = (self.bytes.len() - start) as u32;
        self.bytes[start..start + 4].copy_from_slice(&length.to_ne_bytes());
    }

    /// Adds an attribute of raw bytes.
    pub(crate) fn bytes(&mut self, kind: u16, value: &[u8]) {
        let start = self.open(kind);
        self.bytes.extend(value);
        self.close(start);
    }

    /// Adds an attribute holding a number; nf_tables wants all of them in network byte order.
    pub(crate) fn number(&mut self, kind: u16, value: u32) {
        self.bytes(kind, &value.to_be_bytes());
    }

    /// Adds an attribute holding a text, closed by a zero byte.
    pub(crate) fn text(&mut self, kind: u16, value: &str) {
        let start = self.open(kind);
        self.bytes.extend(value.as_bytes());
        self.bytes.push(0);
        self.close(start);
    }

    /// Adds an attribute that holds those `fill` writes.
    pub(crate) fn nested(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) {
        let start = self.open(kind | NESTED);
        fill(self);
        self.close(start);
    }

    fn open(&mut self, kind: u16) -> usize {
        let start = self.bytes.len();
        self.bytes.extend([0; 2]);
        self.bytes.extend(kind.to_ne_bytes());
        start
    }

    fn close(&mut self, start: usize) {
        let length = self.bytes.len() - start;
        debug_assert!((ATTRIBUTE_HEADER..=usize::from(u16::MAX)).contains(&length));
        self.bytes[start..start + 2].copy_from_slice(&(length as u16).to_ne_bytes());
        // Attributes start at multiples of four; the padding is not counted in their length.
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// An answer to one message: its sequence number and the error number, 0 for success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) sequence: u32,
    pub(crate) error: i32,
}

/// The answers in what a netlink socket delivered; anything cut short or of another kind is passed over.
pub(crate) fn answers(mut bytes: &[u8]) -> Vec<Answer> {
    let mut found = Vec::new();
    while let Some(length) = read_u32(bytes, 0).map(|l| l as usize) {
        if length < HEADER || length > bytes.len() {
            break;
        }
        found.extend(answer(&bytes[..length]));
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    found
}

fn answer(message: &[u8]) -> Option<Answer> {
    let message_kind = u16::from_ne_bytes(message.get(4..6)?.try_into().ok()?);
    if message_kind != kind::ERROR {
        return None;
    }
    let error = read_u32(message, HEADER)?.cast_signed();
    Some(Answer { sequence: read_u32(message, 8)?, error: error.saturating_neg() })
}

fn read_u32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}
