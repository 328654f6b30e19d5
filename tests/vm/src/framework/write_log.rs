//! All writes and flushes of a machine's disk in their order, and the disks that a power cut could leave behind.
//!
//! QEMU's `blklogwrites` filter records them in the format of the kernel's `dm-log-writes` (`drivers/md/dm-log-writes.c`): a superblock, then for each operation
//! an entry of one sector, followed by the data of a write.

use std::{collections::BTreeMap, fs::File, io, ops::Range, os::unix::fs::FileExt, path::Path};

use anyhow::{Context as _, Result, ensure};

const SECTOR: u64 = 512;
/// `WRITE_LOG_MAGIC`
const MAGIC: u64 = 0x006a_7366_7773_6872;
/// `LOG_FLUSH_FLAG`, `LOG_FUA_FLAG`, `LOG_DISCARD_FLAG`
const FLUSH: u64 = 1;
const FUA: u64 = 2;
const DISCARD: u64 = 4;

/// One operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Operation {
    /// First sector.
    sector: u64,
    count: u64,
    flags: u64,
    /// Where its data lie in the log.
    data: u64,
}

/// What lies in a sector that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// Offset in the log.
    Log(u64),
    /// Given back; reads as zeros.
    Nothing,
}

impl Source {
    /// The same so many sectors on.
    fn after(self, count: u64) -> Self {
        match self {
            Self::Log(from) => Self::Log(from + count * SECTOR),
            Self::Nothing => Self::Nothing,
        }
    }
}

impl Operation {
    /// Whether it writes into a range of the disk in bytes.
    fn touches(&self, range: &Range<u64>) -> bool {
        self.sector * SECTOR < range.end && range.start < (self.sector + self.count) * SECTOR
    }
}

type Sectors = BTreeMap<u64, Source>;

/// A recorded run of a machine that began with the disk `base`.
#[derive(Debug)]
pub(crate) struct WriteLog {
    base: File,
    log: File,
    operations: Vec<Operation>,
}

impl WriteLog {
    /// Reads the record. `base` is the raw disk that the machine began with.
    pub(crate) fn open(base: &Path, log: &Path) -> Result<Self> {
        let file = File::open(log).with_context(|| log.display().to_string())?;
        let operations = operations(&file)?;
        Ok(Self { base: File::open(base).with_context(|| base.display().to_string())?, log: file, operations })
    }

    /// The operations that were recorded while the log grew from one size to another, in bytes.
    pub(crate) fn between(&self, sizes: Range<u64>) -> Range<usize> {
        let index = |size| self.operations.partition_point(|operation| operation.data <= size);
        index(sizes.start)..index(sizes.end)
    }

    /// About `count / 3` places in this part of the run for a power cut, always the same ones: its two ends, and one half from all of it, the other half from the operations that
    /// touch `often`, a range of the disk in bytes. What is decided in few writes would else be missed by chance.
    pub(crate) fn cuts(&self, part: Range<usize>, count: usize, often: Range<u64>) -> Vec<usize> {
        let touches = |at: &usize| self.operations[*at].touches(&often);
        let deciding: Vec<usize> = part.clone().filter(touches).collect();
        let mut random = Random(0x00a0_0b0c);
        let mut cuts = vec![part.start, part.end];
        while cuts.len() < count.div_ceil(3) {
            cuts.push(match deciding.get(random.below(deciding.len())) {
                // Before the operation, or right after it.
                Some(at) if cuts.len() % 2 == 0 => at + random.below(2),
                _ => part.start + random.below(part.len().max(1)),
            });
        }
        cuts.sort_unstable();
        cuts
    }

    /// Shows `look` three disks that each of these power cuts could leave, in their order; always the same ones. What was flushed is on them; of what was written since the
    /// last flush: everything, nothing, or any part of it in any order, the last write torn.
    pub(crate) fn crashes(&self, cuts: &[usize], mut look: impl FnMut(usize, &Crashed<'_>) -> Result<()>) -> Result<()> {
        let mut random = Random(0x00a0_0b0d);
        let (mut durable, mut pending, mut at) = (Sectors::new(), Vec::new(), 0);
        for &cut in cuts {
            while at < cut {
                self.advance(self.operations[at], &mut durable, &mut pending);
                at += 1;
            }
            let all = pending.clone();
            let some = part_of(&all, &mut random);
            for written in [all, Vec::new(), some] {
                look(cut, &Crashed { run: self, durable: &durable, late: sectors(&written) })?;
            }
        }
        Ok(())
    }

    fn advance(&self, operation: Operation, durable: &mut Sectors, pending: &mut Vec<Operation>) {
        if operation.flags & FLUSH != 0 {
            durable.append(&mut sectors(pending));
            pending.clear();
        }
        match operation.flags & FUA {
            0 => pending.push(operation),
            _ => durable.append(&mut sectors(&[operation])),
        }
    }
}

/// Some of the writes, as if a disk had put them into another order and lost power amid that.
fn part_of(all: &[Operation], random: &mut Random) -> Vec<Operation> {
    let mut some = Vec::new();
    for operation in all {
        if random.below(2) == 0 {
            some.push(torn(*operation, random));
        }
    }
    some
}

/// A write of which only the first sectors arrived, or all.
fn torn(whole: Operation, random: &mut Random) -> Operation {
    let most = usize::try_from(whole.count).unwrap_or(usize::MAX);
    let arrived = if random.below(4) == 0 { random.below(most + 1) as u64 } else { whole.count };
    Operation { count: arrived, ..whole }
}

fn sectors(operations: &[Operation]) -> Sectors {
    let each = operations.iter().flat_map(|operation| {
        let source = |n| if operation.flags & DISCARD == 0 { Source::Log(operation.data + n * SECTOR) } else { Source::Nothing };
        (0..operation.count).map(move |n| (operation.sector + n, source(n)))
    });
    each.collect()
}

/// Neighbours whose content lies together: the first, how many, and where the content of the first lies.
fn stretches<'a>(sectors: impl Iterator<Item = (&'a u64, &'a Source)>) -> Vec<(u64, u64, Source)> {
    let mut stretches: Vec<(u64, u64, Source)> = Vec::new();
    for (&number, &source) in sectors {
        match stretches.last_mut() {
            Some((first, count, start)) if number == *first + *count && source == start.after(*count) => *count += 1,
            _ => stretches.push((number, 1, source)),
        }
    }
    stretches
}

/// A disk as a power cut left it.
#[derive(Debug)]
pub(crate) struct Crashed<'a> {
    run: &'a WriteLog,
    durable: &'a Sectors,
    late: Sectors,
}

impl Crashed<'_> {
    /// Reads whole sectors at an offset in bytes that is a multiple of theirs.
    pub(crate) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        read_base(&self.run.base, buffer, offset)?;
        let first = offset / SECTOR;
        let range = first..first + buffer.len() as u64 / SECTOR;
        for layer in [self.durable, &self.late] {
            for (sector, source) in layer.range(range.clone()) {
                let at = usize::try_from((sector - first) * SECTOR).map_err(io::Error::other)?;
                let place = &mut buffer[at..at + SECTOR as usize];
                match source {
                    Source::Log(from) => self.run.log.read_exact_at(place, *from)?,
                    Source::Nothing => place.fill(0),
                }
            }
        }
        Ok(())
    }

    /// Its size in bytes: up to the last sector that the disk had or that was written.
    pub(crate) fn size(&self) -> io::Result<u64> {
        let written = self.run.operations.iter().map(|operation| (operation.sector + operation.count) * SECTOR).max().unwrap_or(0);
        Ok(self.run.base.metadata()?.len().max(written))
    }

    /// Writes the disk over a copy of the one that the machine began with, for a machine that boots from it.
    pub(crate) fn write_onto(&self, copy: &File) -> io::Result<()> {
        self.write_part_onto(0..u64::MAX, copy)
    }

    /// The same with a part of the disk, in bytes, and a copy of that part.
    pub(crate) fn write_part_onto(&self, part: Range<u64>, copy: &File) -> io::Result<()> {
        let numbers = part.start / SECTOR..part.end / SECTOR;
        for (first, count, source) in [self.durable, &self.late].into_iter().flat_map(|layer| stretches(layer.range(numbers.clone()))) {
            let mut bytes = vec![0; usize::try_from(count * SECTOR).map_err(io::Error::other)?];
            if let Source::Log(from) = source {
                self.run.log.read_exact_at(&mut bytes, from)?;
            }
            copy.write_all_at(&bytes, first * SECTOR - part.start)?;
        }
        Ok(())
    }
}

/// A disk that was grown for the machine reads as zeros behind its end.
fn read_base(base: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    let mut done = 0;
    while done < buffer.len() {
        match base.read_at(&mut buffer[done..], offset + done as u64)? {
            0 => {
                buffer[done..].fill(0);
                return Ok(());
            }
            n => done += n,
        }
    }
    Ok(())
}

fn operations(log: &File) -> Result<Vec<Operation>> {
    let mut head = [0; 28];
    log.read_exact_at(&mut head, 0).context("the record of writes is empty")?;
    ensure!(number(&head, 0) == MAGIC && number(&head, 1) == 1, "this is no record of writes");
    ensure!(u32::from_le_bytes(head[24..28].try_into()?) as u64 == SECTOR, "the record has sectors of another size");
    let (mut operations, mut at, end) = (Vec::new(), SECTOR, log.metadata()?.len());
    for _ in 0..number(&head, 2) {
        let mut entry = [0; 24];
        log.read_exact_at(&mut entry, at).context("the record of writes ends too early")?;
        let operation = Operation { sector: number(&entry, 0), count: number(&entry, 1), flags: number(&entry, 2), data: at + SECTOR };
        at = operation.data + if operation.flags & DISCARD == 0 { operation.count * SECTOR } else { 0 };
        ensure!(at <= end, "a write of the record goes on behind its end");
        operations.push(operation);
    }
    Ok(operations)
}

fn number(bytes: &[u8], index: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|at| bytes[8 * index + at]))
}

/// SplitMix64: the same numbers in each run, so that a crash that was found can be looked at again.
struct Random(u64);

impl Random {
    /// A number below `end`; 0 if that is 0.
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from(z ^ (z >> 31)).unwrap_or(usize::MAX).checked_rem(end).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record of: write 1 at sector 2, flush, write 2 at sector 3, write 3 at sector 2.
    fn run(folder: &Path) -> WriteLog {
        let mut log = vec![0; SECTOR as usize];
        log[..8].copy_from_slice(&MAGIC.to_le_bytes());
        log[8..16].copy_from_slice(&1u64.to_le_bytes());
        log[16..24].copy_from_slice(&4u64.to_le_bytes());
        log[24..28].copy_from_slice(&(SECTOR as u32).to_le_bytes());
        for (sector, count, flags, fill) in [(2u64, 1u64, 0u64, 1u8), (0, 0, FLUSH, 0), (3, 1, 0, 2), (2, 1, 0, 3)] {
            let mut entry = vec![0; SECTOR as usize];
            for (at, value) in [sector, count, flags].into_iter().enumerate() {
                entry[8 * at..8 * at + 8].copy_from_slice(&value.to_le_bytes());
            }
            log.extend(entry);
            log.extend(vec![fill; (count * SECTOR) as usize]);
        }
        std::fs::write(folder.join("log"), log).expect("written");
        std::fs::write(folder.join("base"), vec![9; 4 * SECTOR as usize]).expect("written");
        WriteLog::open(&folder.join("base"), &folder.join("log")).expect("a record")
    }

    #[test]
    fn what_was_flushed_stays_and_the_rest_may_or_may_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let run = run(folder.path());
        let mut seen = std::collections::BTreeSet::new();
        run.crashes(&[4; 20], |_, disk| {
            let mut bytes = [0; 3 * SECTOR as usize];
            disk.read_at(&mut bytes, SECTOR)?;
            seen.insert((bytes[0], bytes[600], bytes[1100]));
            Ok(())
        })
        .expect("looked at");
        assert!(
            seen.contains(&(9, 1, 9)) && seen.contains(&(9, 3, 2)) && seen.contains(&(9, 3, 9)) && seen.contains(&(9, 1, 2)),
            "{seen:?}"
        );
        assert!(seen.iter().all(|(untouched, flushed, _)| *untouched == 9 && *flushed != 9), "{seen:?}");
    }

    #[test]
    fn cuts_are_at_both_ends_and_often_where_it_is_decided() {
        let folder = tempfile::tempdir().expect("a folder");
        let run = run(folder.path());
        let cuts = run.cuts(0..4, 300, 3 * SECTOR..4 * SECTOR);
        assert_eq!((cuts.len(), cuts[0], cuts[99]), (100, 0, 4));
        assert!(cuts.iter().filter(|cut| [2, 3].contains(*cut)).count() > 60, "{cuts:?}");
        assert_eq!(cuts, run.cuts(0..4, 300, 3 * SECTOR..4 * SECTOR));
    }

    #[test]
    fn a_part_of_the_run_is_found_by_the_size_of_the_record() {
        let folder = tempfile::tempdir().expect("a folder");
        let run = run(folder.path());
        assert_eq!(run.between(0..SECTOR), 0..0);
        assert_eq!(run.between(3 * SECTOR..u64::MAX), 1..4);
    }

    #[test]
    fn a_part_of_a_disk_is_what_the_disk_has_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let run = run(folder.path());
        let part = 2 * SECTOR..3 * SECTOR;
        let copy = File::options().read(true).write(true).create_new(true).open(folder.path().join("part")).expect("made");
        run.crashes(&[4], |_, disk| {
            copy.set_len(0)?;
            disk.write_part_onto(part.clone(), &copy)?;
            let (mut whole, mut own) = ([0; SECTOR as usize], [0; SECTOR as usize]);
            disk.read_at(&mut whole, part.start)?;
            copy.read_exact_at(&mut own, 0)?;
            ensure!(whole == own && copy.metadata()?.len() == SECTOR);
            Ok(())
        })
        .expect("the same");
    }
}
