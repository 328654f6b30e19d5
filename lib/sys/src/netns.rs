//! Network namespaces.

use std::io;

use rustix::thread::{UnshareFlags, unshare_unsafe};

/// Moves the calling thread, and no other, into a new and empty network namespace.
///
/// Call it on a thread made for the purpose: the thread stays there.
pub fn enter_new_network_namespace() -> io::Result<()> {
    // SAFETY: the flag is fixed to NEWNET, which leaves the descriptor table and the memory of
    // the process shared as before; the unsafety of this call is that of UnshareFlags::FILES alone.
    unsafe { unshare_unsafe(UnshareFlags::NEWNET) }.map_err(io::Error::from)
}
