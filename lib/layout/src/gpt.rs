//! Changes to a GUID partition table (UEFI 2.10, 5.3): growing the last partition, naming partitions anew. Pure: bytes in, writes out.
//!
//! Written here because the order of the writes is the point: a library that writes both tables entry by entry
//! leaves, for a moment, a disk with no valid table. Here the backup is complete and durable at the end of the
//! disk before the primary is touched, and the primary changes in one write from the first byte of the disk on.

use crate::Guid;

/// Bytes from the start of the disk that hold protective MBR, primary header and entries, with 512-byte or 4-KiB sectors.
pub const HEAD_BYTES: usize = 2 * 4096 + 128 * 128;

const SIGNATURE: &[u8; 8] = b"EFI PART";
/// Partitions end on a multiple of this: flash and RAID like whole megabytes.
const ALIGNMENT: u64 = 1024 * 1024;

/// Why a table was not touched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GptError {
    /// The primary table is not whole.
    #[error("the primary table is damaged ({0}); it was not changed: restore the table from its backup with a partition tool")]
    Damaged(&'static str),
    /// The table is whole and of a form that is not changed here.
    #[error("the table has a form that is not changed here ({0})")]
    Unusual(&'static str),
    /// A partition behind it is in the way.
    #[error("partition {0} is not the last one on the disk, it cannot grow")]
    NotLast(u32),
    /// A partition or the backup table would lie beyond the end of the disk.
    #[error("the disk is shorter than its table says")]
    DiskShrunk,
    /// A GUID would name two partitions.
    #[error("{0} would name two partitions")]
    Taken(Guid),
}

/// Bytes to write at an offset from the start of the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// Where, in bytes.
    pub offset: u64,
    /// What.
    pub bytes: Vec<u8>,
}

/// What to do, in this order, each durable before the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Growth {
    /// Entries and header at the end of the disk, then everything at its start.
    pub writes: Vec<Write>,
    /// Where the partition starts, in bytes; unchanged.
    pub start: u64,
    /// How long it is now, in bytes.
    pub length: u64,
}

/// How to grow partition `number` (from 1) to the end of a disk of `disk_bytes` whose first bytes are `head`.
/// `None`: the table already fits the disk.
///
/// # Errors
/// [`GptError`]; the table is then left as it is.
pub fn grow(head: &[u8], sector: u64, disk_bytes: u64, number: u32) -> Result<Option<Growth>, GptError> {
    let table = Table::parse(head, sector)?;
    let sectors = disk_bytes / sector;
    let usable_end = sectors.checked_sub(1 + table.entry_sectors()).ok_or(GptError::DiskShrunk)?;
    if table.highest_end()? >= usable_end {
        return Err(GptError::DiskShrunk);
    }
    let (first, last) = table.extent(number)?;
    let aligned = usable_end / (ALIGNMENT / sector) * (ALIGNMENT / sector);
    let new_last = last.max(aligned.saturating_sub(1));
    if new_last == last && table.header_u64(32) == sectors - 1 {
        return Ok(None);
    }
    let writes = table.grown(number, new_last, sectors).writes(sectors);
    Ok(Some(Growth { writes, start: first * sector, length: (new_last + 1 - first) * sector }))
}

/// How to give partitions (by number, from 1) of a disk of `disk_bytes` new unique GUIDs: what to write, in this order, each durable
/// before the next. After any part of it a whole table is on the disk, the old or the new one. Nothing if they have them already.
///
/// # Errors
/// [`GptError`]; the table is then left as it is.
pub fn set_guids(head: &[u8], sector: u64, disk_bytes: u64, guids: &[(u32, Guid)]) -> Result<Vec<Write>, GptError> {
    let mut table = Table::parse(head, sector)?;
    let backup = table.header_u64(32);
    // The backup stays where it is: behind every partition, and on the disk.
    let first = backup.checked_sub(table.entry_sectors()).ok_or(GptError::Unusual("place of the backup"))?;
    if backup >= disk_bytes / sector || table.highest_end()? >= first {
        return Err(GptError::DiskShrunk);
    }
    let before = table.head.clone();
    for (number, guid) in guids {
        table.name(*number, *guid)?;
    }
    table.check_names()?;
    if table.head == before {
        return Ok(Vec::new());
    }
    table.seal_all();
    Ok(table.writes(backup + 1))
}

/// A partition in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number, from 1.
    pub number: u32,
    /// Its unique GUID.
    pub guid: Guid,
    /// Its name.
    pub name: String,
    /// Where it starts, in bytes.
    pub start: u64,
    /// Its length, in bytes.
    pub length: u64,
}

/// The partitions in use.
///
/// # Errors
/// [`GptError`] if the primary table is not whole, or has a partition that ends before it starts.
pub fn entries(head: &[u8], sector: u64) -> Result<Vec<Entry>, GptError> {
    let table = Table::parse(head, sector)?;
    (1..=table.entry_count as u32).filter_map(|number| table.entry(number, sector)).collect()
}

struct Table {
    head: Vec<u8>,
    sector: usize,
    entry_size: usize,
    entry_count: usize,
}

impl Table {
    fn parse(head: &[u8], sector: u64) -> Result<Self, GptError> {
        let sector = match sector {
            512 | 4096 => sector as usize,
            _ => return Err(GptError::Unusual("sector size")),
        };
        let header = head.get(sector..2 * sector).ok_or(GptError::Damaged("too short"))?;
        check_header(header)?;
        let (entry_count, entry_size) = (u32_at(header, 80) as usize, u32_at(header, 84) as usize);
        let entry_bytes = entry_count.saturating_mul(entry_size);
        if entry_size != 128 || u64_at(header, 72) != 2 || entry_bytes % sector != 0 {
            return Err(GptError::Unusual("place or size of its entries"));
        }
        let end = entry_bytes.checked_add(2 * sector).ok_or(GptError::Unusual("number of entries"))?;
        let head = head.get(..end).ok_or(GptError::Unusual("number of entries"))?.to_vec();
        if crc32fast::hash(&head[2 * sector..]) != u32_at(&head, sector + 88) {
            return Err(GptError::Damaged("checksum of the entries"));
        }
        Ok(Self { head, sector, entry_size, entry_count })
    }

    fn header_u64(&self, at: usize) -> u64 {
        u64_at(&self.head, self.sector + at)
    }

    fn entry_sectors(&self) -> u64 {
        (self.entry_size * self.entry_count / self.sector) as u64
    }

    fn entry_offset(&self, number: u32) -> usize {
        2 * self.sector + (number as usize - 1) * self.entry_size
    }

    /// First and last sector of a partition in use.
    fn extent_of(&self, number: u32) -> Option<(u64, u64)> {
        let entry = &self.head[self.entry_offset(number)..];
        entry[..16].iter().any(|byte| *byte != 0).then(|| (u64_at(entry, 32), u64_at(entry, 40)))
    }

    fn highest_end(&self) -> Result<u64, GptError> {
        let extents = (1..=self.entry_count as u32).filter_map(|number| self.extent_of(number));
        extents.map(|(_, last)| last).max().ok_or(GptError::Damaged("no partition"))
    }

    fn extent(&self, number: u32) -> Result<(u64, u64), GptError> {
        if number == 0 || number as usize > self.entry_count {
            return Err(GptError::Unusual("number of the partition"));
        }
        let (first, last) = self.extent_of(number).ok_or(GptError::Damaged("partition not in the table"))?;
        if last < first {
            return Err(GptError::Damaged("partition ends before it starts"));
        }
        if self.highest_end()? != last {
            return Err(GptError::NotLast(number));
        }
        Ok((first, last))
    }

    fn entry(&self, number: u32, sector: u64) -> Option<Result<Entry, GptError>> {
        let (first, last) = self.extent_of(number)?;
        let sectors = last.checked_sub(first).and_then(|sectors| sectors.checked_add(1)?.checked_mul(sector));
        let (Some(length), Some(start)) = (sectors, first.checked_mul(sector)) else {
            return Some(Err(GptError::Damaged("partition ends before it starts")));
        };
        Some(Ok(Entry { number, guid: self.guid_of(number), name: self.name_of(number), start, length }))
    }

    fn name_of(&self, number: u32) -> String {
        let at = self.entry_offset(number) + 56;
        let units = self.head[at..at + 72].chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
        char::decode_utf16(units.take_while(|unit| *unit != 0)).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    }

    fn guid_of(&self, number: u32) -> Guid {
        let at = self.entry_offset(number) + 16;
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&self.head[at..at + 16]);
        Guid::from_gpt(bytes)
    }

    fn name(&mut self, number: u32, guid: Guid) -> Result<(), GptError> {
        if number == 0 || number as usize > self.entry_count || self.extent_of(number).is_none() {
            return Err(GptError::Damaged("partition not in the table"));
        }
        let at = self.entry_offset(number) + 16;
        self.head[at..at + 16].copy_from_slice(&guid.to_gpt());
        Ok(())
    }

    /// No two partitions have one GUID.
    fn check_names(&self) -> Result<(), GptError> {
        let mut seen = std::collections::BTreeSet::new();
        let used = (1..=self.entry_count as u32).filter(|number| self.extent_of(*number).is_some());
        used.map(|number| self.guid_of(number)).try_for_each(|guid| if seen.insert(guid) { Ok(()) } else { Err(GptError::Taken(guid)) })
    }

    /// Sets the checksums of entries and header.
    fn seal_all(&mut self) {
        let entries = crc32fast::hash(&self.head[2 * self.sector..]);
        put_u32(&mut self.head, self.sector + 88, entries);
        seal(&mut self.head[self.sector..2 * self.sector]);
    }

    fn grown(mut self, number: u32, last: u64, sectors: u64) -> Self {
        let entry = self.entry_offset(number);
        put_u64(&mut self.head, entry + 40, last);
        let usable = sectors - 2 - self.entry_sectors();
        put_u64(&mut self.head, self.sector + 32, sectors - 1);
        put_u64(&mut self.head, self.sector + 48, usable);
        self.seal_all();
        self.protect(sectors);
        self
    }

    /// The protective MBR covers the whole disk, or as much as it can say.
    fn protect(&mut self, sectors: u64) {
        const FIRST_ENTRY: usize = 446;
        if self.head[FIRST_ENTRY + 4] == 0xee {
            let covered = u32::try_from(sectors - 1).unwrap_or(u32::MAX);
            put_u32(&mut self.head, FIRST_ENTRY + 12, covered);
        }
    }

    fn writes(self, sectors: u64) -> Vec<Write> {
        let entries_at = sectors - 1 - self.entry_sectors();
        let mut backup = self.head[2 * self.sector..].to_vec();
        let mut header = self.head[self.sector..2 * self.sector].to_vec();
        put_u64(&mut header, 24, sectors - 1);
        put_u64(&mut header, 32, 1);
        put_u64(&mut header, 72, entries_at);
        seal(&mut header);
        backup.extend_from_slice(&header);
        let backup = Write { offset: entries_at * self.sector as u64, bytes: backup };
        vec![backup, Write { offset: 0, bytes: self.head }]
    }
}

fn check_header(header: &[u8]) -> Result<(), GptError> {
    if &header[..8] != SIGNATURE {
        return Err(GptError::Damaged("no signature"));
    }
    if u64_at(header, 24) != 1 {
        return Err(GptError::Damaged("the header names another place than its own"));
    }
    let mut copy = header.to_vec();
    if !(92..=header.len()).contains(&(u32_at(header, 12) as usize)) {
        return Err(GptError::Damaged("size of the header"));
    }
    seal(&mut copy);
    if copy[16..20] != header[16..20] {
        return Err(GptError::Damaged("checksum of the header"));
    }
    Ok(())
}

/// Sets the checksum of a header whose size field is in range.
fn seal(header: &mut [u8]) {
    put_u32(header, 16, 0);
    let size = u32_at(header, 12) as usize;
    let crc = crc32fast::hash(&header[..size]);
    put_u32(header, 16, crc);
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

fn put_u32(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

fn put_u64(bytes: &mut [u8], at: usize, value: u64) {
    bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
#[path = "gpt_tests.rs"]
mod tests;
