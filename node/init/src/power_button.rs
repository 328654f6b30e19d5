//! The power button, read straight from the kernel's input devices.

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::fs;
use std::os::fd::OwnedFd;

/// `struct input_event` on 64-bit: two 8-byte times, type, code, value.
const EVENT_SIZE: usize = 24;
const EV_KEY: u16 = 1;
const KEY_POWER: u16 = 116;
/// More input devices than this and the rest are not looked at; a server has a handful.
const MAX_DEVICES: usize = 16;

/// Every input device there is now; the power button of a machine does not come later.
pub(crate) fn open() -> Vec<OwnedFd> {
    let entries = fs::read_dir("/dev/input").into_iter().flatten().flatten();
    let events = entries.filter(|e| e.file_name().to_string_lossy().starts_with("event"));
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    events.take(MAX_DEVICES).filter_map(|e| rustix::fs::open(e.path(), flags, Mode::empty()).ok()).collect()
}

/// Reads what waits on each device; `true` if the power button was pressed. A device that was pulled out is let go: it would wake us for ever.
pub(crate) fn pressed(devices: &mut Vec<OwnedFd>) -> bool {
    let mut is_pressed = false;
    devices.retain(|device| {
        let mut bytes = [0u8; EVENT_SIZE * 16];
        let size = match rustix::io::read(device, &mut bytes) {
            Ok(size) => size,
            Err(error) => return error == Errno::AGAIN,
        };
        is_pressed |= bytes[..size].chunks_exact(EVENT_SIZE).any(is_power_press);
        size > 0
    });
    is_pressed
}

fn is_power_press(event: &[u8]) -> bool {
    let number = |at: usize| u16::from_ne_bytes([event[at], event[at + 1]]);
    number(16) == EV_KEY && number(18) == KEY_POWER && event[20] == 1
}
