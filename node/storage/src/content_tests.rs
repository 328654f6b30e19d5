use proptest::prelude::*;

use super::*;

/// A seed of eight blocks: superblock, two blocks of data, the rest zeros.
fn seed() -> File {
    let mut bytes = vec![0u8; 8 * BLOCK];
    bytes[1024 + 4] = 20;
    bytes[1024 + 24] = 2;
    bytes[1024 + 56..1024 + 58].copy_from_slice(&0xef53u16.to_le_bytes());
    bytes[3 * BLOCK..4 * BLOCK].fill(7);
    bytes[6 * BLOCK] = 9;
    file(&bytes)
}

fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().expect("file");
    file.write_all(bytes).expect("write");
    file
}

fn bytes_of(file: &mut File) -> Vec<u8> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0)).expect("seek");
    file.read_to_end(&mut bytes).expect("read");
    bytes
}

#[test]
fn an_empty_device_is_seeded_and_then_known() {
    let (mut device, mut seed) = (file(&[0; 20 * BLOCK]), seed());
    assert_eq!(look(&mut device, &mut seed).expect("look"), Content::Empty);
    write_seed(&mut device, &mut seed, |_| Ok(())).expect("seed");
    let written = Superblock { blocks: 20, block_size: 4096, has_errors: false, has_projects: false };
    assert_eq!(look(&mut device, &mut seed).expect("look"), Content::Ext4(written.clone()));
    assert_eq!(seed_superblock(&mut seed).expect("seed"), Some(written));
    assert_eq!(bytes_of(&mut device)[..8 * BLOCK], bytes_of(&mut seed));
}

#[test]
fn projects_are_counted_only_where_all_of_it_is_there() {
    let with = |features: u32, inode: u32| {
        let mut first = [0u8; BLOCK];
        first[1024 + 56..1024 + 58].copy_from_slice(&0xef53u16.to_le_bytes());
        first[1024 + 100..1024 + 104].copy_from_slice(&features.to_le_bytes());
        first[1024 + 620..1024 + 624].copy_from_slice(&inode.to_le_bytes());
        Superblock::parse(&first).expect("a superblock").has_projects
    };
    // 0x46b is what seeds of older versions have.
    assert_eq!([with(0x46b, 0), with(0x256b, 0), with(0x56b, 12), with(0x256b, 12)], [false, false, false, true]);
}

#[test]
fn an_interrupted_seed_is_empty_but_data_is_not() {
    let mut seed = seed();
    let mut half = vec![0u8; 20 * BLOCK];
    half[3 * BLOCK..4 * BLOCK].fill(7);
    assert_eq!(look(&mut file(&half), &mut seed).expect("look"), Content::Empty);
    half[5 * BLOCK + 17] = 1;
    assert!(matches!(look(&mut file(&half), &mut seed).expect("look"), Content::Foreign(_)));
    let mut other = vec![0u8; 20 * BLOCK];
    other[..4].copy_from_slice(b"XFSB");
    assert!(matches!(look(&mut file(&other), &mut seed).expect("look"), Content::Foreign(_)));
}

#[test]
fn a_failed_zeroing_writes_nothing() {
    let (mut device, mut seed) = (file(&[0; 20 * BLOCK]), seed());
    let refused = write_seed(&mut device, &mut seed, |_| Err(io::ErrorKind::Other.into()));
    assert!(refused.is_err() && is_zero(&bytes_of(&mut device)));
}

#[test]
fn a_seed_that_is_none_is_refused() {
    assert_eq!(seed_superblock(&mut file(&[0; BLOCK])).expect("read"), None);
    assert!(seed_superblock(&mut file(b"short")).is_err());
}

proptest! {
    #[test]
    fn superblocks_of_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 700)) {
        let mut first = [0u8; BLOCK];
        first[1024..1724].copy_from_slice(&bytes);
        first[1024 + 56..1024 + 58].copy_from_slice(&0xef53u16.to_le_bytes());
        if let Some(superblock) = Superblock::parse(&first) {
            prop_assert!(superblock.block_size <= 65536);
            let _ = superblock.bytes();
        }
    }
}
