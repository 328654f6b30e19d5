//! A disk that fails where a file says so.
//!
//! A line for each fault: `read AT LENGTH` and `write AT LENGTH` fail in this part, in bytes; `flush N` fails at the Nth flush, `flush 0` at each; `lose AT LENGTH` says that all is
//! well, and what is written there is not kept. Each write is noted in `disk-writes`, if that is there: `AT LENGTH`.

use ampoule_updated::Blocks;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::PathBuf;

/// `EIO` of errno(3): what the kernel says of a disk that fails.
const EIO: i32 = 5;

#[derive(Debug)]
pub(crate) struct FaultyDisk {
    pub(crate) disk: File,
    pub(crate) faults: PathBuf,
}

impl FaultyDisk {
    fn lines(&self) -> String {
        fs::read_to_string(&self.faults).unwrap_or_default()
    }

    fn note_write(&self, at: u64, length: usize) -> io::Result<()> {
        match fs::OpenOptions::new().append(true).open(self.faults.with_file_name("disk-writes")) {
            Ok(mut notes) => notes.write_all(format!("{at} {length}\n").as_bytes()),
            Err(_) => Ok(()),
        }
    }

    /// Whether a fault of this kind meets the part.
    fn has(&self, kind: &str, at: u64, length: usize) -> bool {
        self.lines().lines().any(|line| {
            let mut words = line.split_whitespace();
            let named = words.next() == Some(kind);
            let mut number = || words.next().and_then(|word| word.parse::<u64>().ok()).unwrap_or_else(|| panic!("wrong fault: {line}"));
            named && {
                let (start, size) = (number(), number());
                at < start + size && start < at + length as u64
            }
        })
    }
}

fn fails() -> io::Error {
    io::Error::from_raw_os_error(EIO)
}

impl Blocks for FaultyDisk {
    fn read_at(&self, piece: &mut [u8], at: u64) -> io::Result<()> {
        if self.has("read", at, piece.len()) { Err(fails()) } else { self.disk.read_at(piece, at) }
    }

    fn write_at(&self, piece: &[u8], at: u64) -> io::Result<()> {
        self.note_write(at, piece.len())?;
        if self.has("write", at, piece.len()) {
            return Err(fails());
        }
        if self.has("lose", at, piece.len()) { Ok(()) } else { self.disk.write_at(piece, at) }
    }

    fn sync(&self) -> io::Result<()> {
        let lines = self.lines();
        let Some(line) = lines.lines().find(|line| line.starts_with("flush ")) else { return self.disk.sync() };
        let number: u32 = line["flush ".len()..].parse().unwrap_or_else(|_| panic!("wrong fault: {line}"));
        let (rest, failed) = match number {
            0 => return Err(fails()),
            1 => (lines.replace(&format!("{line}\n"), ""), true),
            _ => (lines.replace(line, &format!("flush {}", number - 1)), false),
        };
        fs::write(&self.faults, rest)?;
        if failed { Err(fails()) } else { self.disk.sync() }
    }

    fn forget(&self, at: u64, length: u64) -> io::Result<()> {
        self.disk.forget(at, length)
    }

    fn size(&self) -> io::Result<u64> {
        self.disk.size()
    }
}
