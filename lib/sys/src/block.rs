//! Block devices and growing an ext4 file system: the three requests no safe crate offers.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// `_IO(0x12, 105)`: partition requests on a whole disk.
const BLKPG: u32 = 0x1269;
/// Operation of `BLKPG`: change the length of a partition, also of one in use.
const BLKPG_RESIZE_PARTITION: libc::c_int = 3;
/// `_IO(0x12, 127)`: make a range read as zeros, by the device itself where it can.
const BLKZEROOUT: u32 = 0x127f;
/// `_IOW('f', 16, u64)`: grow a mounted ext4 to this number of blocks.
const EXT4_IOC_RESIZE_FS: u32 = 0x4008_6610;

#[repr(C)]
struct BlkpgPartition {
    start: libc::c_longlong,
    length: libc::c_longlong,
    number: libc::c_int,
    device_name: [u8; 64],
    volume_name: [u8; 64],
}

#[repr(C)]
struct BlkpgRequest {
    operation: libc::c_int,
    flags: libc::c_int,
    data_length: libc::c_int,
    data: *mut libc::c_void,
}

/// Tells the kernel that partition `number` of the open `disk` starts at byte `start` (unchanged) and is now
/// `length` bytes long. The partition may be in use.
///
/// # Errors
/// The kernel's answer: `EBUSY` if it would overlap its neighbour, `ENXIO` if there is no such partition.
pub fn resize_partition(disk: impl AsFd, number: u32, start: u64, length: u64) -> io::Result<()> {
    let out_of_range = |_| io::Error::from_raw_os_error(libc::EINVAL);
    let mut partition = BlkpgPartition {
        start: i64::try_from(start).map_err(out_of_range)?,
        length: i64::try_from(length).map_err(out_of_range)?,
        number: i32::try_from(number).map_err(out_of_range)?,
        device_name: [0; 64],
        volume_name: [0; 64],
    };
    let mut request = BlkpgRequest {
        operation: BLKPG_RESIZE_PARTITION,
        flags: 0,
        data_length: size_of::<BlkpgPartition>() as libc::c_int,
        data: (&raw mut partition).cast(),
    };
    // SAFETY: BLKPG reads one `blkpg_ioctl_arg`, whose layout `BlkpgRequest` repeats; its `data` points to a
    // `BlkpgPartition` that lives until after the call. The kernel keeps neither.
    let answer = unsafe { libc::ioctl(disk.as_fd().as_raw_fd(), BLKPG as _, &raw mut request) };
    check(answer)
}

/// Makes `length` bytes from byte `start` of the open block device read as zeros. Both are multiples of 512.
///
/// # Errors
/// The kernel's answer; `ENOTTY` if this is not a block device.
pub fn zero_range(device: impl AsFd, start: u64, length: u64) -> io::Result<()> {
    let range: [u64; 2] = [start, length];
    // SAFETY: BLKZEROOUT reads two u64 from the pointer; `range` outlives the call.
    let answer = unsafe { libc::ioctl(device.as_fd().as_raw_fd(), BLKZEROOUT as _, range.as_ptr()) };
    check(answer)
}

/// Grows the mounted ext4 file system that `directory` lies on to `blocks` blocks (in its own block size).
///
/// # Errors
/// The kernel's answer; `EINVAL` if the device is smaller than that, `EPERM` without `CAP_SYS_RESOURCE`.
pub fn grow_ext4(directory: impl AsFd, blocks: u64) -> io::Result<()> {
    // SAFETY: EXT4_IOC_RESIZE_FS reads one u64 from the pointer; `blocks` outlives the call.
    let answer = unsafe { libc::ioctl(directory.as_fd().as_raw_fd(), EXT4_IOC_RESIZE_FS as _, &raw const blocks) };
    check(answer)
}

fn check(answer: libc::c_int) -> io::Result<()> {
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_are_the_kernels() {
        assert_eq!(size_of::<BlkpgPartition>(), 152);
        assert_eq!(size_of::<BlkpgRequest>(), 24);
        assert_eq!(std::mem::offset_of!(BlkpgRequest, data), 16);
    }

    #[test]
    fn a_file_is_not_a_block_device() {
        let file = std::fs::File::open("/proc/self/exe").expect("open");
        assert!(zero_range(&file, 0, 512).is_err());
        assert!(grow_ext4(&file, 1).is_err());
        assert!(resize_partition(&file, 1, 0, 512).is_err());
    }
}
