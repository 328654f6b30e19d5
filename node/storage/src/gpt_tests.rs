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
    let growth = plan(&disk, 512, 64 * MIB, 2).expect("plan").expect("something to do");
    growth.writes.iter().for_each(|write| apply(&mut disk, write));
    let after = read_back(&disk, true);
    assert_eq!(after.partitions()[&1], before[&1]);
    let data = &after.partitions()[&2];
    assert_eq!((data.first_lba * 512, (data.last_lba + 1) * 512), (growth.start, growth.start + growth.length));
    assert_eq!(growth.start + growth.length, 63 * MIB, "whole megabytes before the backup table");
    assert_eq!((data.part_guid, &data.name, data.flags), (before[&2].part_guid, &before[&2].name, before[&2].flags));
    assert_eq!(after.backup_header().expect("backup").crc32_parts, after.primary_header().expect("primary").crc32_parts);
    assert_eq!(u32_at(&disk, 446 + 12) as u64, 64 * MIB / 512 - 1);
    assert_eq!(plan(&disk, 512, 64 * MIB, 2), Ok(None), "a second time there is nothing to do");
}

#[test]
fn power_may_fail_between_the_writes() {
    let mut disk = disk(16 * MIB);
    disk.resize(64 * MIB as usize, 0);
    let growth = plan(&disk, 512, 64 * MIB, 2).expect("plan").expect("growth");
    apply(&mut disk, &growth.writes[0]);
    assert_eq!(read_back(&disk, false).partitions().len(), 2);
    assert_eq!(plan(&disk, 512, 64 * MIB, 2), Ok(Some(growth)), "the next boot does it all again");
}

#[test]
fn only_the_last_partition_grows() {
    let disk = disk(16 * MIB);
    assert_eq!(plan(&disk, 512, 64 * MIB, 1), Err(GptError::NotLast(1)));
    assert!(plan(&disk, 512, 64 * MIB, 3).is_err());
    assert!(plan(&disk, 512, 64 * MIB, 0).is_err());
    assert!(plan(&disk, 512, 64 * MIB, 129).is_err());
    assert_eq!(plan(&disk, 512, 8 * MIB, 2), Err(GptError::DiskShrunk));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_flipped_bit_is_seen(at in 512usize..512 + 92, bit in 0u8..8) {
        let mut disk = disk(16 * MIB);
        disk[at] ^= 1 << bit;
        prop_assert!(plan(&disk, 512, 64 * MIB, 2).is_err());
    }

    #[test]
    fn any_bytes_are_survived(mut head in proptest::collection::vec(any::<u8>(), 0..2048), size: u64, number: u32, sign: bool) {
        if sign && head.len() >= 600 {
            head[512..520].copy_from_slice(SIGNATURE);
        }
        let _ = plan(&head, 512, size, number);
    }

    #[test]
    fn any_end_of_the_disk(extra in 0u64..200_000) {
        let size = 16 * MIB + extra * 512;
        if let Some(growth) = plan(&disk(16 * MIB), 512, size, 2).expect("plan") {
            let end = growth.start + growth.length;
            prop_assert!(end <= growth.writes[0].offset);
            prop_assert_eq!(growth.writes[0].offset + growth.writes[0].bytes.len() as u64, size);
        }
    }
}
