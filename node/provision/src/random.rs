//! Numbers that nobody can guess.

use std::io;

/// Sixteen random bits from the kernel.
///
/// # Errors
/// The kernel's.
pub(crate) fn number() -> io::Result<u16> {
    let mut bytes = [0; 2];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
    Ok(u16::from_ne_bytes(bytes))
}
