//! Calls that a workload must be refused, for the program that attacks a node from inside one. Nothing of the node uses them.
//!
//! A closed list instead of "any call": each has a fixed shape, so that trying it is safe in a process of its own even where it is allowed.

use std::{
    ffi::CStr,
    io,
    os::fd::{AsRawFd, BorrowedFd},
};

/// x32's mark in a call's number (arch/x86/include/uapi/asm/unistd.h): filters that compare numbers alone miss it.
const X32: libc::c_long = 0x4000_0000;
/// `KEYCTL_JOIN_SESSION_KEYRING` of keyctl(2).
const JOIN_SESSION_KEYRING: usize = 1;
/// `PTRACE_SEIZE` of ptrace(2): attaches without stopping.
const PTRACE_SEIZE: usize = 0x4206;
/// `LINUX_REBOOT_CMD_CAD_OFF` with its two magic numbers (reboot(2)): needs the right to restart and restarts nothing.
const REBOOT: [usize; 3] = [0xfee1_dead, 672_274_793, 0];
/// `Q_SYNC` for users, as `QCMD` packs it (quotactl(2)).
const QUOTA_SYNC: usize = 0x0080_0001 << 8;
/// Words of room for what a call reads or writes; the largest takes 30.
const ROOM: usize = 64;

/// A call with harmless arguments.
#[derive(Clone, Copy, Debug)]
pub enum Call<'a> {
    /// bpf(2): makes an array.
    Bpf,
    /// The same by its x32 number.
    BpfX32,
    /// `perf_event_open(2)`: counts processor cycles of everyone.
    PerfEvent,
    /// userfaultfd(2).
    Userfaultfd,
    /// `io_uring_setup(2)`: a ring of one.
    IoUring,
    /// keyctl(2): joins a session keyring of this name.
    JoinKeyring(&'a CStr),
    /// `add_key(2)`: to the user's own keyring.
    AddKey,
    /// `kexec_load(2)`: forgets a loaded kernel.
    KexecLoad,
    /// iopl(2).
    Iopl,
    /// ioperm(2): one port.
    Ioperm,
    /// personality(2): makes readable memory executable.
    ReadImpliesExec,
    /// quotactl(2): sync, of this device.
    Quota(&'a CStr),
    /// acct(2): to this file.
    Accounting(&'a CStr),
    /// swapon(2): this file.
    SwapOn(&'a CStr),
    /// swapoff(2): this file.
    SwapOff(&'a CStr),
    /// syslog(2): the size of the kernel's log.
    KernelLog,
    /// reboot(2): what the emergency keys do; no restart.
    EmergencyKeys,
    /// ptrace(2): attaches to this process.
    Seize(i32),
    /// `process_vm_readv(2)`: a word of this process.
    ReadMemory(i32),
    /// unshare(2): new user and mount namespaces.
    NewUserNamespace,
    /// unshare(2): a new mount namespace.
    NewMountNamespace,
    /// unshare(2): a new cgroup namespace.
    NewCgroupNamespace,
    /// `mount_setattr(2)`: makes this mount writable.
    MountWritable(&'a CStr),
    /// `open_by_handle_at(2)`: the root folder (inode 2) of the ext4 file system that this descriptor lies in.
    RootByHandle(BorrowedFd<'a>),
    /// settimeofday(2): the time zone alone is not touched; the time is that of 1970.
    SetTime,
    /// `clock_adjtime(2)`: the frequency of the node's clock.
    AdjustClock,
    /// `pidfd_getfd(2)`: descriptor 0 of the process that this pidfd names.
    TakeDescriptor(BorrowedFd<'a>),
}

/// Tries it. A descriptor it may give back stays open: the process is meant to end.
///
/// # Errors
/// As the call.
pub fn attempt(call: Call<'_>) -> io::Result<usize> {
    let mut room = [0u64; ROOM];
    let (number, words) = shape(call, &mut room);
    let [a, b, c, d, e, f] = words;
    // SAFETY: `shape` hands over numbers, C strings that live as long as `call`, and pointers into `room`, whose ROOM words are more than any
    // of these calls reads or writes. None of them frees, maps or moves memory of this process.
    match unsafe { libc::syscall(number, a, b, c, d, e, f) } {
        -1 => Err(io::Error::last_os_error()),
        answer => Ok(usize::try_from(answer).unwrap_or_default()),
    }
}

type Shape = (libc::c_long, [usize; 6]);

fn shape(call: Call<'_>, room: &mut [u64; ROOM]) -> Shape {
    match call {
        Call::Bpf | Call::BpfX32 | Call::PerfEvent | Call::Userfaultfd | Call::IoUring | Call::KexecLoad => kernel_shape(call, room),
        Call::Seize(_) | Call::ReadMemory(_) | Call::TakeDescriptor(_) | Call::RootByHandle(_) => other_shape(call, room),
        Call::JoinKeyring(name) => (libc::SYS_keyctl, [JOIN_SESSION_KEYRING, text(name), 0, 0, 0, 0]),
        Call::AddKey => {
            let ring = (libc::KEY_SPEC_USER_KEYRING as isize) as usize;
            (libc::SYS_add_key, [text(c"user"), text(c"escape"), text(c"secret"), 6, ring, 0])
        }
        Call::Iopl => (libc::SYS_iopl, [3, 0, 0, 0, 0, 0]),
        Call::Ioperm => (libc::SYS_ioperm, [0x80, 1, 1, 0, 0, 0]),
        Call::ReadImpliesExec => (libc::SYS_personality, [libc::READ_IMPLIES_EXEC as usize, 0, 0, 0, 0, 0]),
        Call::Quota(device) => (libc::SYS_quotactl, [QUOTA_SYNC, text(device), 0, 0, 0, 0]),
        Call::Accounting(file) => (libc::SYS_acct, [text(file), 0, 0, 0, 0, 0]),
        Call::SwapOn(file) => (libc::SYS_swapon, [text(file), 0, 0, 0, 0, 0]),
        Call::SwapOff(file) => (libc::SYS_swapoff, [text(file), 0, 0, 0, 0, 0]),
        Call::KernelLog => (libc::SYS_syslog, [10, 0, 0, 0, 0, 0]),
        Call::EmergencyKeys => (libc::SYS_reboot, [REBOOT[0], REBOOT[1], REBOOT[2], 0, 0, 0]),
        Call::NewUserNamespace => (libc::SYS_unshare, [(libc::CLONE_NEWUSER | libc::CLONE_NEWNS) as usize, 0, 0, 0, 0, 0]),
        Call::NewMountNamespace => (libc::SYS_unshare, [libc::CLONE_NEWNS as usize, 0, 0, 0, 0, 0]),
        Call::NewCgroupNamespace => (libc::SYS_unshare, [libc::CLONE_NEWCGROUP as usize, 0, 0, 0, 0, 0]),
        Call::MountWritable(path) => {
            // struct mount_attr: attr_set, attr_clr (MOUNT_ATTR_RDONLY), propagation, userns_fd.
            room[1] = 1;
            (libc::SYS_mount_setattr, [libc::AT_FDCWD as usize, text(path), 0, start(room), 32, 0])
        }
        Call::SetTime => (libc::SYS_settimeofday, [start(room), 0, 0, 0, 0, 0]),
        Call::AdjustClock => {
            // struct timex begins with `modes`: ADJ_FREQUENCY, to a frequency of 0.
            room[0] = 2;
            (libc::SYS_clock_adjtime, [libc::CLOCK_REALTIME as usize, start(room), 0, 0, 0, 0])
        }
    }
}

/// What asks something of the kernel itself.
fn kernel_shape(call: Call<'_>, room: &mut [u64; ROOM]) -> Shape {
    match call {
        Call::Bpf | Call::BpfX32 => {
            // BPF_MAP_CREATE: type (array) and size of a key; size of a value and number of entries.
            room[0] = 2 | 4 << 32;
            room[1] = 8 | 1 << 32;
            let number = if matches!(call, Call::BpfX32) { X32 | libc::SYS_bpf } else { libc::SYS_bpf };
            (number, [0, start(room), 72, 0, 0, 0])
        }
        Call::PerfEvent => {
            // struct perf_event_attr of version 0: hardware events, 64 bytes, cycles. All processes on processor 0.
            room[0] = 64 << 32;
            (libc::SYS_perf_event_open, [start(room), usize::MAX, 0, usize::MAX, 0, 0])
        }
        Call::Userfaultfd => (libc::SYS_userfaultfd, [libc::O_CLOEXEC as usize, 0, 0, 0, 0, 0]),
        Call::IoUring => (libc::SYS_io_uring_setup, [1, start(room), 0, 0, 0, 0]),
        _ => (libc::SYS_kexec_load, [0, 0, 0, 0, 0, 0]),
    }
}

/// What takes something from another process or file system.
fn other_shape(call: Call<'_>, room: &mut [u64; ROOM]) -> Shape {
    match call {
        Call::Seize(process) => (libc::SYS_ptrace, [PTRACE_SEIZE, process as usize, 0, 0, 0, 0]),
        Call::ReadMemory(process) => {
            // Two struct iovec: here, and there at the address at which programs without a base of their own begin.
            let (here, there) = (start(room), start(room) + 16);
            [room[0], room[1], room[2], room[3]] = [(start(room) + 64) as u64, 8, 0x40_0000, 8];
            (libc::SYS_process_vm_readv, [process as usize, here, 1, there, 1, 0])
        }
        Call::TakeDescriptor(process) => (libc::SYS_pidfd_getfd, [process.as_raw_fd() as usize, 0, 0, 0, 0, 0]),
        Call::RootByHandle(inside) => {
            // struct file_handle: 8 bytes of FILEID_INO32_GEN; inode 2, generation 0.
            [room[0], room[1]] = [8 | 1 << 32, 2];
            (libc::SYS_open_by_handle_at, [inside.as_raw_fd() as usize, start(room), libc::O_RDONLY as usize, 0, 0, 0])
        }
        _ => (libc::SYS_getpid, [0; 6]),
    }
}

fn text(value: &CStr) -> usize {
    value.as_ptr() as usize
}

fn start(room: &mut [u64; ROOM]) -> usize {
    room.as_mut_ptr() as usize
}

/// Sends a whole Ethernet frame out of the link with this number, through a packet socket (packet(7)).
///
/// # Errors
/// As sendto(2).
pub fn send_frame(socket: BorrowedFd<'_>, link: u32, frame: &[u8]) -> io::Result<usize> {
    // SAFETY: all bits zero is a valid address of this kind.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_ifindex = link as i32;
    let size = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    // SAFETY: the kernel reads `frame.len()` bytes of `frame` and `size` bytes of `address`; both outlive the call.
    let sent = unsafe { libc::sendto(socket.as_raw_fd(), frame.as_ptr().cast(), frame.len(), 0, (&raw const address).cast(), size) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}
