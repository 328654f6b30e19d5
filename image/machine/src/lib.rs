//! Starts and drives local virtual machines.
//!
//! A [`Machine`] is one QEMU process on an overlay of a built image. It is driven over QMP (power button, power cut,
//! network cable) and watched through its serial console, which goes to a file.

mod accelerator;
mod command;
mod config;
mod disk;
mod identity;
mod machine;
mod memory;
mod ports;
mod private_file;
mod qmp;
mod serial;

pub use accelerator::Accelerator;
pub use config::{Boot, Firmware, Forward, MachineConfig, OnReboot};
pub use disk::{create_overlay, image_disk};
pub use identity::{ClientFiles, LocalIdentity};
pub use machine::{Exit, Machine};
pub use memory::{available_mib, machines_in_memory, machines_that_fit};
pub use ports::{Loopback, free_port};
pub use serial::{last_lines, strip_escapes};

/// Where the guest finds the host's loopback under QEMU's user networking.
pub const HOST_SEEN_FROM_GUEST: &str = "10.0.2.2";
