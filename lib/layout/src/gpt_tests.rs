use std::io::{Cursor, Write as _};

use proptest::prelude::*;

use super::*;

const MIB: u64 = 1024 * 1024;

/// A disk as another implementation writes it: two partitions of 4 MiB.
fn disk(bytes: u64) -> Vec<u8> {
    let mut device = Cursor::new(vec![0u8; bytes as usize]);
    let mbr = gpt::mbr::ProtectiveMBR::with_lb_size((bytes / 512 - 1) as u32);
    mbr.overwrite_lba0(&mut device).expect("mbr");
    let mut table = gpt::GptConfig::new().writable(true).create_from_device(device, None).expect("table");
    for name in ["STATE", "DATA"] {
        table.add_partition(name, 4 * MIB, gpt::partition_types::LINUX_FS, 7, Some(2048)).expect("partition");
    }
    table.write_inplace().expect("write");
    table.device_mut().flush().expect("flush");
    table.take_device().into_inner()
}

fn apply(disk: &mut [u8], write: &Write) {
    disk[write.offset as usize..][..write.bytes.len()].copy_from_slice(&write.bytes);
}

fn read_back(disk: &[u8], only_valid: bool) -> gpt::GptDisk<Cursor<Vec<u8>>> {
    let config = gpt::GptConfig::new().writable(false).only_valid_headers(only_valid);
    config.open_from_device(Cursor::new(disk.to_vec())).expect("another implementation reads it")
}

#[test]
fn grows_to_the_end_and_another_implementation_agrees() {
    let mut disk = disk(16 * MIB);
    disk.resize(64 * MIB as usize, 0);
    let before = read_back(&disk, false).partitions().clone();
    let growth = grow(&disk, 512, 64 * MIB, 2).expect("plan").expect("something to do");
    growth.writes.iter().for_each(|write| apply(&mut disk, write));
    let after = read_back(&disk, true);
    assert_eq!(after.partitions()[&1], before[&1]);
    let data = &after.partitions()[&2];
    assert_eq!((data.first_lba * 512, (data.last_lba + 1) * 512), (growth.start, growth.start + growth.length));
    assert_eq!(growth.start + growth.length, 63 * MIB, "whole megabytes before the backup table");
    assert_eq!((data.part_guid, &data.name, data.flags), (before[&2].part_guid, &before[&2].name, before[&2].flags));
    assert_eq!(after.backup_header().expect("backup").crc32_parts, after.primary_header().expect("primary").crc32_parts);
    assert_eq!(u32_at(&disk, 446 + 12) as u64, 64 * MIB / 512 - 1);
    assert_eq!(grow(&disk, 512, 64 * MIB, 2), Ok(None), "a second time there is nothing to do");
}

#[test]
fn power_may_fail_between_the_writes() {
    let mut disk = disk(16 * MIB);
    disk.resize(64 * MIB as usize, 0);
    let growth = grow(&disk, 512, 64 * MIB, 2).expect("plan").expect("growth");
    apply(&mut disk, &growth.writes[0]);
    assert_eq!(read_back(&disk, false).partitions().len(), 2);
    assert_eq!(grow(&disk, 512, 64 * MIB, 2), Ok(Some(growth)), "the next boot does it all again");
}

#[test]
fn only_the_last_partition_grows() {
    let disk = disk(16 * MIB);
    assert_eq!(grow(&disk, 512, 64 * MIB, 1), Err(GptError::NotLast(1)));
    assert!(grow(&disk, 512, 64 * MIB, 3).is_err());
    assert!(grow(&disk, 512, 64 * MIB, 0).is_err());
    assert!(grow(&disk, 512, 64 * MIB, 129).is_err());
    assert_eq!(grow(&disk, 512, 8 * MIB, 2), Err(GptError::DiskShrunk));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_flipped_bit_is_seen(at in 512usize..512 + 92, bit in 0u8..8) {
        let mut disk = disk(16 * MIB);
        disk[at] ^= 1 << bit;
        prop_assert!(grow(&disk, 512, 64 * MIB, 2).is_err());
    }

    #[test]
    fn any_bytes_are_survived(mut head in proptest::collection::vec(any::<u8>(), 0..2048), size: u64, number: u32, sign: bool) {
        if sign && head.len() >= 600 {
            head[512..520].copy_from_slice(SIGNATURE);
        }
        let _ = grow(&head, 512, size, number);
    }

    #[test]
    fn any_end_of_the_disk(extra in 0u64..200_000) {
        let size = 16 * MIB + extra * 512;
        if let Some(growth) = grow(&disk(16 * MIB), 512, size, 2).expect("plan") {
            let end = growth.start + growth.length;
            prop_assert!(end <= growth.writes[0].offset);
            prop_assert_eq!(growth.writes[0].offset + growth.writes[0].bytes.len() as u64, size);
        }
    }
}

/// The table that a reader finds: the primary, else the backup at the end of the disk.
fn found(disk: &[u8]) -> Vec<Entry> {
    if let Ok(found) = entries(disk, 512) {
        return found;
    }
    // A backup is a primary that lies elsewhere: its header is turned round and read as one.
    let at = disk.len() - 512;
    let mut header = disk[at..].to_vec();
    let start = u64_at(&header, 72) as usize * 512;
    let length = at - start;
    put_u64(&mut header, 24, 1);
    put_u64(&mut header, 72, 2);
    seal(&mut header);
    let mut copy = vec![0; 512];
    copy.extend(header);
    copy.extend(&disk[start..start + length]);
    // Turning it round must not heal a broken one.
    let mut own = disk[at..].to_vec();
    seal(&mut own);
    assert_eq!(own, disk[at..], "neither table is whole");
    entries(&copy, 512).expect("neither table is whole")
}

#[test]
fn partitions_are_where_another_implementation_put_them() {
    let disk = disk(16 * MIB);
    let theirs = read_back(&disk, true);
    let ours = entries(&disk, 512).expect("a table");
    let names: Vec<_> = ours.iter().map(|entry| (entry.number, entry.name.as_str(), entry.length)).collect();
    assert_eq!(names, [(1, "STATE", 4 * MIB), (2, "DATA", 4 * MIB)]);
    for entry in ours {
        let their = &theirs.partitions()[&entry.number];
        assert_eq!((entry.start, entry.guid.to_string()), (their.first_lba * 512, their.part_guid.to_string()));
    }
}

const ONE: Guid = Guid::from_u128(1);
const TWO: Guid = Guid::from_u128(2);

#[test]
fn new_names_are_read_by_another_implementation() {
    let mut disk = disk(16 * MIB);
    let before = read_back(&disk, true).partitions().clone();
    let writes = set_guids(&disk, 512, 16 * MIB, &[(1, ONE), (2, TWO)]).expect("a plan");
    assert_eq!(writes.len(), 2, "the backup first, then the primary in one write");
    assert!(writes[0].offset > 15 * MIB && writes[1].offset == 0);
    writes.iter().for_each(|write| apply(&mut disk, write));
    let after = read_back(&disk, true);
    assert_eq!(after.backup_header().expect("backup").crc32_parts, after.primary_header().expect("primary").crc32_parts);
    for (number, guid) in [(1, ONE), (2, TWO)] {
        let (old, new) = (&before[&number], &after.partitions()[&number]);
        assert_eq!(new.part_guid.to_string(), guid.to_string());
        assert_eq!(
            (old.first_lba, old.last_lba, &old.name, &old.part_type_guid),
            (new.first_lba, new.last_lba, &new.name, &new.part_type_guid)
        );
    }
    assert_eq!(set_guids(&disk, 512, 16 * MIB, &[(2, TWO)]), Ok(Vec::new()), "a second time there is nothing to do");
    assert_eq!(set_guids(&disk, 512, 16 * MIB, &[(1, TWO)]), Err(GptError::Taken(TWO)));
    assert_eq!(set_guids(&disk, 512, 16 * MIB, &[(1, TWO), (2, ONE)]).map(|writes| writes.len()), Ok(2), "they may change places");
}

#[test]
fn partitions_that_are_not_there_get_no_name() {
    let disk = disk(16 * MIB);
    for number in [0, 3, 129, u32::MAX] {
        assert!(set_guids(&disk, 512, 16 * MIB, &[(number, ONE)]).is_err(), "{number}");
    }
    assert_eq!(set_guids(&disk, 512, 8 * MIB, &[(1, ONE)]), Err(GptError::DiskShrunk));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Power fails anywhere: each sector of the write in work is old, new, or (for the one that was being written) neither.
    #[test]
    fn a_whole_table_is_found_whatever_was_written(done in 0usize..3, sectors in proptest::collection::vec(any::<bool>(), 40), torn in 0usize..40, garbage: u8) {
        let mut disk = disk(16 * MIB);
        let old = found(&disk);
        let writes = set_guids(&disk, 512, 16 * MIB, &[(1, ONE), (2, TWO)]).expect("a plan");
        writes.iter().take(done).for_each(|write| apply(&mut disk, write));
        if let Some(write) = writes.get(done) {
            for (i, chunk) in write.bytes.chunks(512).enumerate().filter(|(i, _)| sectors[*i]) {
                let at = write.offset as usize + i * 512;
                disk[at..at + 512].copy_from_slice(chunk);
                // The protective MBR is the same before and after, so a torn write of it is left out.
                if i == torn && at > 0 {
                    disk[at..at + 512].fill(garbage);
                }
            }
        }
        let now = found(&disk);
        let mut new = old.clone();
        (new[0].guid, new[1].guid) = (ONE, TWO);
        prop_assert!(now == old || now == new, "{:?}", now);
        prop_assert!(done < 2 || now == new);
        prop_assert!(done > 0 || now == old);
    }

    #[test]
    fn any_head_is_survived(mut head in proptest::collection::vec(any::<u8>(), 0..2048), size: u64, number: u32, guid: u128, sign: bool) {
        if sign && head.len() >= 600 {
            head[512..520].copy_from_slice(SIGNATURE);
        }
        let _ = set_guids(&head, 512, size, &[(number, Guid::from_u128(guid))]);
        let _ = entries(&head, 512);
    }

    /// Fields in any state behind right checksums: still an answer.
    #[test]
    fn sealed_nonsense_is_survived(at in 0usize..92, value: u64, size: u64) {
        let mut disk = disk(4 * MIB + 16 * MIB);
        disk.truncate(HEAD_BYTES);
        let at = 512 + at.min(84);
        put_u64(&mut disk, at, value);
        if (92..=512).contains(&u32_at(&disk, 512 + 12)) {
            seal(&mut disk[512..1024]);
        }
        let _ = set_guids(&disk, 512, size, &[(1, ONE)]);
        let _ = grow(&disk, 512, size, 2);
    }
}
