//! File systems that may carry user data, known by their first bytes.

/// Bytes from the start of a device that [`identify`] needs: to the end of the first volume descriptor of ISO 9660.
pub const HEAD: usize = SECTOR * 17;
/// Names that user data has on a volume or disc; exactly one may be there.
pub const FILE_NAMES: [&str; 2] = ["user-data", "user-data.toml"];

/// A logical sector of ISO 9660 (ECMA-119 section 6.1.2).
const SECTOR: usize = 2048;
/// Labels that ask to be read, in any case. FAT has room for eleven characters, hence the short one; `cidata` is what cloud-init's tools make.
const LABELS: [&str; 3] = ["ampoule-config", "ampoule-cfg", "cidata"];

/// A kind of file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileSystem {
    /// FAT12, FAT16 or FAT32.
    Fat,
    /// ISO 9660, with any extension.
    Iso9660,
    /// ext2, ext3 or ext4.
    Ext4,
}

impl FileSystem {
    /// The kernel's name for it.
    #[must_use]
    pub fn kernel_name(self) -> &'static str {
        match self {
            Self::Fat => "vfat",
            Self::Iso9660 => "iso9660",
            Self::Ext4 => "ext4",
        }
    }
}

/// A file system and its label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// Its kind.
    pub file_system: FileSystem,
    /// Its label without the blanks around it; not printable characters are replaced.
    pub label: String,
}

impl Volume {
    /// Whether its label says that it is there to configure a node.
    #[must_use]
    pub fn is_for_configuration(&self) -> bool {
        LABELS.iter().any(|label| self.label.eq_ignore_ascii_case(label))
    }
}

/// What lies on a device, from its first [`HEAD`] bytes (or fewer, if it is smaller). The label is only a hint about what a mount will find.
#[must_use]
pub fn identify(head: &[u8]) -> Option<Volume> {
    iso9660(head).or_else(|| ext4(head)).or_else(|| fat(head))
}

/// ECMA-119 section 8.4: type 1, `CD001`, the volume identifier at byte 41 of the descriptor.
fn iso9660(head: &[u8]) -> Option<Volume> {
    let descriptor = head.get(SECTOR * 16..SECTOR * 17)?;
    let is_primary = descriptor[0] == 1 && &descriptor[1..6] == b"CD001";
    is_primary.then(|| volume(FileSystem::Iso9660, &descriptor[40..72]))
}

/// Documentation/filesystems/ext4, "Super Block": magic at 0x38, `s_volume_name` at 0x78.
fn ext4(head: &[u8]) -> Option<Volume> {
    let superblock = head.get(1024..2048)?;
    (superblock[0x38..0x3a] == [0x53, 0xef]).then(|| volume(FileSystem::Ext4, &superblock[0x78..0x88]))
}

/// Microsoft's FAT specification, "Boot Sector and BPB": signature, then type and label, whose places depend on the width.
fn fat(head: &[u8]) -> Option<Volume> {
    let sector = head.get(..512)?;
    if sector[510..512] != [0x55, 0xaa] {
        return None;
    }
    match (&sector[54..59], &sector[82..87]) {
        (b"FAT12" | b"FAT16", _) => Some(volume(FileSystem::Fat, &sector[43..54])),
        (_, b"FAT32") => Some(volume(FileSystem::Fat, &sector[71..82])),
        _ => None,
    }
}

fn volume(file_system: FileSystem, label: &[u8]) -> Volume {
    let end = label.iter().position(|byte| *byte == 0).unwrap_or(label.len());
    let printable = |byte: &u8| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '?' };
    let label: String = label[..end].iter().map(printable).collect();
    Volume { file_system, label: label.trim().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn put(head: &mut [u8], at: usize, bytes: &[u8]) {
        head[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn made(pieces: &[(usize, &[u8])]) -> Option<Volume> {
        let mut head = vec![0; HEAD];
        for (at, bytes) in pieces {
            put(&mut head, *at, bytes);
        }
        identify(&head)
    }

    #[test]
    fn kinds_and_labels() {
        let seen = [
            made(&[(SECTOR * 16, b"\x01CD001\x01"), (SECTOR * 16 + 40, b"CIDATA                          ")]),
            made(&[(1024 + 0x38, b"\x53\xef"), (1024 + 0x78, b"ampoule-config\0")]),
            made(&[(54, b"FAT16   "), (43, b"AMPOULE-CFG"), (510, b"\x55\xaa")]),
            made(&[(82, b"FAT32   "), (71, b"cidata     "), (510, b"\x55\xaa")]),
        ];
        let kinds = [FileSystem::Iso9660, FileSystem::Ext4, FileSystem::Fat, FileSystem::Fat];
        for (volume, kind) in seen.into_iter().zip(kinds) {
            let volume = volume.expect("known");
            assert!(volume.file_system == kind && volume.is_for_configuration(), "{volume:?}");
        }
    }

    #[test]
    fn others_are_left_alone() {
        let esp = made(&[(82, b"FAT32   "), (71, b"ESP        "), (510, b"\x55\xaa")]).expect("FAT");
        assert!(!esp.is_for_configuration());
        let evil = made(&[(1024 + 0x38, b"\x53\xef"), (1024 + 0x78, b"cidata\x1b[31m")]).expect("ext4");
        assert_eq!((evil.label.as_str(), evil.is_for_configuration()), ("cidata?[31m", false));
        assert_eq!(made(&[]), None);
        assert_eq!(identify(b"short"), None);
        // A partition table has the signature too.
        assert_eq!(made(&[(510, b"\x55\xaa")]), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..4096), at in 0..HEAD) {
            let mut head = vec![0; HEAD];
            let length = bytes.len().min(HEAD - at);
            head[at..at + length].copy_from_slice(&bytes[..length]);
            let _ = (identify(&head), identify(&bytes));
        }
    }
}
