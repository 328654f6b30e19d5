//! First stage of the boot loader, the program that the firmware starts. It carries systemd-boot and starts it. If that comes back, because the kernel image that it chose
//! could not be started, and a boot try was spent on it, the machine starts anew: with the next try, or with the version before.
//!
//! Without it, firmware goes on with whatever else it knows to boot, in the end to a menu, and stands there (`docs/decisions/0012-first-stage.md`).

#![cfg_attr(target_os = "uefi", no_main, no_std)]

extern crate alloc;

// On the host both are compiled for the tests, and nothing starts them.
#[cfg_attr(not(target_os = "uefi"), allow(dead_code))]
mod stage;
#[cfg_attr(not(target_os = "uefi"), allow(dead_code))]
mod tries;

/// The boot loader; the builder says where its file is.
#[cfg(target_os = "uefi")]
const LOADER: &[u8] = include_bytes!(env!("AMPOULE_LOADER"));

#[cfg(target_os = "uefi")]
#[uefi::entry]
fn main() -> uefi::Status {
    stage::run(LOADER)
}

/// The crate panics where the firmware has no memory left, or no console to tell of it.
#[cfg(target_os = "uefi")]
#[panic_handler]
fn panicked(_: &core::panic::PanicInfo) -> ! {
    stage::give_up()
}

#[cfg(not(target_os = "uefi"))]
fn main() {}
