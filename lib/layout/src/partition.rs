//! The partitions of a node's disk.

use crate::Guid;

/// One mebibyte, in bytes. Partitions begin and end on this boundary.
pub const MIB: u64 = 1 << 20;
/// One gibibyte, in bytes.
pub const GIB: u64 = 1 << 30;

/// Processor architecture of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Architecture {
    /// 64-bit x86.
    X86_64,
    /// 64-bit Arm.
    Aarch64,
}

impl Architecture {
    /// The one that this program was compiled for.
    #[cfg(target_arch = "x86_64")]
    pub const NATIVE: Self = Self::X86_64;
    /// The one that this program was compiled for.
    #[cfg(target_arch = "aarch64")]
    pub const NATIVE: Self = Self::Aarch64;

    /// Where firmware looks for the boot loader on a disk that it knows nothing of, without the ending (UEFI 2.10, 3.5.1.1).
    pub const fn loader_stem(self) -> &'static str {
        match self {
            Self::X86_64 => "EFI/BOOT/BOOTX64",
            Self::Aarch64 => "EFI/BOOT/BOOTAA64",
        }
    }

    /// The boot loader's file.
    pub fn loader(self) -> String {
        format!("{}.EFI", self.loader_stem())
    }
}

/// What a partition is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Boot loader and kernel images.
    Esp,
    /// A root file system.
    Root,
    /// The hash tree of a root file system.
    Verity,
    /// Settings and identity.
    State,
    /// Containers and logs; grown to the end of the disk.
    Data,
}

/// A partition as the builder makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition {
    /// Name in the GPT.
    pub name: &'static str,
    /// What it is for.
    pub role: Role,
    /// Size in bytes.
    pub size: u64,
}

const fn partition(name: &'static str, role: Role, size: u64) -> Partition {
    Partition { name, role, size }
}

/// All partitions in their order on the disk.
///
/// Slots cannot grow once a node is installed, so they are about twenty times what an image takes today; a raw disk is
/// sparse, so what is not used costs nothing. STATE and DATA must hold the 80 MiB of the file system they start from.
pub const PARTITIONS: [Partition; 7] = [
    partition("ESP", Role::Esp, 256 * MIB),
    partition("ROOT-A", Role::Root, GIB),
    partition("VERITY-A", Role::Verity, 64 * MIB),
    partition("ROOT-B", Role::Root, GIB),
    partition("VERITY-B", Role::Verity, 64 * MIB),
    partition("STATE", Role::State, 128 * MIB),
    partition("DATA", Role::Data, 512 * MIB),
];

impl Role {
    /// Partition type in the GPT. ESP, root and verity are those of the Discoverable Partitions Specification; STATE and
    /// DATA are our own, so that no other system takes them for its own.
    pub const fn type_guid(self, architecture: Architecture) -> Guid {
        Guid::from_u128(match (self, architecture) {
            (Self::Esp, _) => 0xc12a7328_f81f_11d2_ba4b_00a0c93ec93b,
            (Self::Root, Architecture::X86_64) => 0x4f68bce3_e8cd_4db1_96e7_fbcaf984b709,
            (Self::Root, Architecture::Aarch64) => 0xb921b045_1df0_41c3_af44_4c6f280d3fae,
            (Self::Verity, Architecture::X86_64) => 0x2c7357ed_ebd2_46d9_aec1_23d437ec2bf5,
            (Self::Verity, Architecture::Aarch64) => 0xdf3300ce_d69f_4c92_978c_9bfb0f38d820,
            (Self::State, _) => 0x6b1f3a52_0d7e_4c35_9a61_616d706f0001,
            (Self::Data, _) => 0x6b1f3a52_0d7e_4c35_9a61_616d706f0002,
        })
    }

    /// What a partition of this type is for, if it is one of ours.
    pub fn of_type(guid: Guid, architecture: Architecture) -> Option<Self> {
        [Self::Esp, Self::Root, Self::Verity, Self::State, Self::Data].into_iter().find(|role| role.type_guid(architecture) == guid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_found_by_its_type() {
        for architecture in [Architecture::X86_64, Architecture::Aarch64] {
            for p in PARTITIONS {
                assert_eq!(Role::of_type(p.role.type_guid(architecture), architecture), Some(p.role), "{}", p.name);
            }
        }
        assert_eq!(Role::of_type(Guid::from_u128(0), Architecture::X86_64), None);
    }

    #[test]
    fn partitions_are_aligned_and_hold_their_seed() {
        for p in PARTITIONS {
            assert_eq!(p.size % MIB, 0, "{}", p.name);
            assert!(!matches!(p.role, Role::State | Role::Data) || p.size >= 96 * MIB, "{}", p.name);
        }
    }

    #[test]
    fn a_hash_tree_fits_a_full_slot() {
        // One 32-byte hash per 4 KiB block on each level: a little more than 1/128 of the data, and the superblock.
        let (root, verity) = (PARTITIONS[1].size, PARTITIONS[2].size);
        assert!(verity >= root / 127 + MIB);
    }
}
