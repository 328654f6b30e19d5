//! The saved time as a file: seconds since 1970 and a checksum of them, in text.
//!
//! The checksum is there because one flipped bit makes another number of a digit, and a plausible one.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use crate::known::Seconds;

/// Name in the folder.
const NAME: &str = "time";

/// Longest file read: two numbers and a line's end are 30 bytes.
const MAX_BYTES: u64 = 64;

/// Why the time is not saved, or what was saved is not used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SavedError {
    #[error("{folder}/{NAME} is not as it was written and is not used; the next save replaces it")]
    Damaged { folder: String },
    #[error("Cannot {what} the time in {folder}: a start without a clock will find an older one")]
    Io { what: &'static str, folder: String, source: io::Error },
}

/// What was saved in `folder`; `None` before the first time.
pub(crate) fn read(folder: &Path) -> Result<Option<Seconds>, SavedError> {
    let place = || folder.display().to_string();
    match ampoule_files::read(&folder.join(NAME), MAX_BYTES) {
        Ok(None) => Ok(None),
        Ok(Some(text)) => decode(&text).map(Some).ok_or_else(|| SavedError::Damaged { folder: place() }),
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => Err(SavedError::Damaged { folder: place() }),
        Err(source) => Err(SavedError::Io { what: "read", folder: place(), source }),
    }
}

/// Saves `time` in `folder`. When this returns, it survives a power cut; when it fails, what was there does.
pub(crate) fn write(folder: &Path, time: Seconds) -> Result<(), SavedError> {
    replace(folder, &encode(time)).map_err(|source| SavedError::Io { what: "save", folder: folder.display().to_string(), source })
}

fn replace(folder: &Path, text: &str) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    ampoule_files::replace_durably(&folder.join(NAME), text.as_bytes(), 0o600)
}

fn encode(time: Seconds) -> String {
    let digits = time.to_string();
    format!("{digits} {:08x}\n", crc32fast::hash(digits.as_bytes()))
}

/// Only what [`encode`] makes, byte for byte.
fn decode(text: &[u8]) -> Option<Seconds> {
    let text = std::str::from_utf8(text).ok()?;
    let time = text.split_once(' ')?.0.parse().ok()?;
    (encode(time) == text).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;

    #[test]
    fn what_was_written_is_read() {
        let parent = tempfile::tempdir().expect("folder");
        let folder = parent.path().join("clock");
        assert_eq!(read(&folder).expect("none yet"), None);
        for time in [1, 1_800_000_000, Seconds::MAX] {
            write(&folder, time).expect("written");
            assert_eq!(read(&folder).expect("read"), Some(time));
        }
    }

    #[test]
    fn a_damaged_file_is_no_time_and_is_replaced() {
        let folder = tempfile::tempdir().expect("folder");
        let huge = vec![b'9'; 1 << 20];
        for text in [&b""[..], b"1800000000\n", b"1800000000 00000000\n", b"\xff\xfe 1", &huge] {
            fs::write(folder.path().join(NAME), text).expect("damaged");
            let error = read(folder.path()).expect_err("refused").to_string();
            assert!(error.contains("not as it was written"), "{error}");
        }
        write(folder.path(), 7).expect("replaced");
        assert_eq!(read(folder.path()).expect("read"), Some(7));
    }

    #[test]
    fn a_failed_save_leaves_what_was_there() {
        let folder = tempfile::tempdir().expect("folder");
        write(folder.path(), 7).expect("written");
        fs::create_dir(folder.path().join(".time.new")).expect("in the way");
        let error = ampoule_report::chain(&write(folder.path(), 8).expect_err("refused")).to_string();
        assert!(error.contains("Cannot save the time"), "{error}");
        assert_eq!(read(folder.path()).expect("read"), Some(7));
    }

    proptest! {
        #[test]
        fn one_flipped_bit_is_seen(time in any::<Seconds>(), at in any::<prop::sample::Index>(), bit in 0..8_u8) {
            let mut text = encode(time).into_bytes();
            let at = at.index(text.len());
            text[at] ^= 1 << bit;
            prop_assert_eq!(decode(&text), None);
        }

        #[test]
        fn any_bytes_are_a_time_or_not(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Some(time) = decode(&bytes) {
                prop_assert_eq!(encode(time).into_bytes(), bytes);
            }
        }
    }
}
