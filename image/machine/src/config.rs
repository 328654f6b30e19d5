//! What a virtual machine is made of.

use std::path::{Path, PathBuf};

use crate::Accelerator;

/// How the machine starts its kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Firmware {
    /// QEMU loads kernel and command line itself: quickest.
    Direct,
    /// OVMF, systemd-boot and the UKI, as on real hardware.
    Uefi,
}

/// What is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Boot {
    /// A built image: the folder `out/VARIANT` with `disk.qcow2` (or `disk.raw`), `vmlinuz` and `cmdline`.
    Image(PathBuf),
    /// Any disk with a kernel beside it; used to measure other systems.
    Custom {
        /// Disk image that the overlay is based on, qcow2 or raw by its file name.
        disk: PathBuf,
        /// Kernel.
        kernel: PathBuf,
        /// Initial RAM disk, if the system needs one.
        initrd: Option<PathBuf>,
        /// Kernel command line.
        cmdline: String,
    },
}

/// What QEMU does when the guest restarts itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnReboot {
    /// The machine starts again, as real ones do.
    Restart,
    /// QEMU exits; for tests that count on it.
    Exit,
}

/// A TCP port of the host's loopback that leads to a port of the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forward {
    /// Port on 127.0.0.1 of the host.
    pub host: u16,
    /// Port on the guest's address.
    pub guest: u16,
}

/// Everything QEMU is told. Build one with [`MachineConfig::new`] and change what differs.
#[derive(Clone, Debug)]
pub struct MachineConfig {
    /// What is started.
    pub boot: Boot,
    /// Way of starting.
    pub firmware: Firmware,
    /// Folder for the overlay, the serial log and the rest of this machine's files. Made if absent.
    pub workdir: PathBuf,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Processors.
    pub cpus: u32,
    /// Size the disk is grown to, in bytes, if larger than the image; `None`: as the image is.
    pub disk_size: Option<u64>,
    /// Use the overlay that is there, if any; else a fresh one is made.
    pub keep_disk: bool,
    /// Ports that lead into the guest.
    pub forwards: Vec<Forward>,
    /// User data, given over fw_cfg.
    pub user_data: Option<Vec<u8>>,
    /// Put after the kernel command line; direct boot only.
    pub extra_cmdline: String,
    /// The firmware cannot write its variables, as where their memory is worn out or locked. [`Firmware::Uefi`] only.
    pub read_only_variables: bool,
    /// What happens when the guest restarts.
    pub on_reboot: OnReboot,
    /// Engine; [`Accelerator::detect`] unless set.
    pub accelerator: Accelerator,
    /// Serial console, appended to. Default: `serial.log` in the work folder.
    pub serial_log: PathBuf,
    /// File that takes all writes and flushes of the disk (QEMU's `blklogwrites`), made anew at each start; `None`: they are not recorded.
    pub write_log: Option<PathBuf>,
    /// More arguments for QEMU, as they are.
    pub extra_args: Vec<String>,
}

impl MachineConfig {
    /// A machine for the image in `image_dir`, keeping its files in `workdir`: direct boot, 1 GiB, two processors.
    pub fn new(image_dir: impl AsRef<Path>, workdir: impl AsRef<Path>) -> Self {
        Self::with_boot(Boot::Image(image_dir.as_ref().to_owned()), workdir)
    }

    /// The same for anything bootable.
    pub fn with_boot(boot: Boot, workdir: impl AsRef<Path>) -> Self {
        let workdir = workdir.as_ref().to_owned();
        Self {
            boot,
            firmware: Firmware::Direct,
            serial_log: workdir.join("serial.log"),
            workdir,
            memory_mib: 1024,
            cpus: 2,
            disk_size: None,
            keep_disk: false,
            forwards: Vec::new(),
            user_data: None,
            extra_cmdline: String::new(),
            read_only_variables: false,
            on_reboot: OnReboot::Restart,
            accelerator: Accelerator::detect(),
            write_log: None,
            extra_args: Vec::new(),
        }
    }

    /// The machine's own disk.
    pub fn overlay(&self) -> PathBuf {
        self.workdir.join("disk.qcow2")
    }
}
