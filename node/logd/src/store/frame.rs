//! One record in a segment file: `CRC32 JSON\n`, the checksum as eight hexadecimal digits.
//!
//! Text, so that a person can read a disk; one line, so that a torn or damaged record costs itself and no other.

use ampoule_logwire::{MAX_WIRE_LINE, Record, decode, encode};

/// Longest frame in bytes.
pub(crate) const MAX_FRAME: usize = MAX_WIRE_LINE + 9;

/// The bytes to append, line feed included.
pub(crate) fn pack(record: &Record) -> Vec<u8> {
    let json = encode(record);
    let crc = crc32fast::hash(&json[..json.len() - 1]);
    let mut frame = format!("{crc:08x} ").into_bytes();
    frame.extend_from_slice(&json);
    frame
}

/// The record in a line without its line feed; `None` if it is torn or damaged.
pub(crate) fn unpack(line: &[u8]) -> Option<Record> {
    let (crc, json) = line.split_at_checked(9)?;
    let crc = u32::from_str_radix(std::str::from_utf8(&crc[..8]).ok()?, 16).ok()?;
    if line[8] != b' ' || crc32fast::hash(json) != crc {
        return None;
    }
    decode(json).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record(text: String) -> Record {
        Record { seq: 7, time_ms: 1, monotonic_ms: 2, source: "a/b".parse().expect("source"), level: 3, text, cut: false }
    }

    proptest! {
        #[test]
        fn comes_back_unless_a_bit_flips(text in ".{0,60}", at: prop::sample::Index, bit in 0u8..8) {
            let mut frame = pack(&record(text.clone()));
            prop_assert_eq!(frame.pop(), Some(b'\n'));
            prop_assert_eq!(unpack(&frame), Some(record(text)));
            let at = at.index(frame.len());
            let old = frame[at];
            frame[at] ^= 1 << bit;
            // The checksum's digits may be written large or small.
            let same = at < 8 && frame[at].eq_ignore_ascii_case(&old);
            prop_assert!(same || unpack(&frame).is_none());
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = unpack(&bytes);
        }
    }
}
