//! Services whose socket says that they are ready: one takes its time with it and one never listens. And what requires them.

use std::{os::fd::OwnedFd, os::unix::net::UnixStream, thread, time::Duration};

use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, accept, bind, listen, socket};

use crate::report::Report;

/// Where the one that takes its time is found, as its service file has it.
const LATE: &str = "/run/late/socket";
/// Where the other would be.
const DEAF: &str = "/run/deaf/socket";
/// What it takes: longer than starting any program.
const ITS_TIME: Duration = Duration::from_secs(5);

/// There from the start, taking connections later.
pub(crate) fn listen_late() {
    let Ok(socket) = bound(LATE) else { return Report.failed(&format!("late: {LATE} cannot be bound")) };
    // Not what its file names, so it says nothing.
    crate::say_ready();
    thread::sleep(ITS_TIME);
    if let Err(error) = listen(&socket, 16) {
        return Report.failed(&format!("late: it cannot listen: {error}"));
    }
    while accept(&socket).is_ok() {}
}

/// There and deaf.
pub(crate) fn never_listen() {
    let _socket = bound(DEAF);
    crate::say_ready();
    thread::sleep(Duration::MAX);
}

/// The first thing it does is what it was made to wait for.
pub(crate) fn call() {
    match UnixStream::connect(LATE) {
        Ok(_) => Report.ok("caller is let in"),
        Err(error) => Report.failed(&format!("caller: {LATE}: {error}")),
    }
    thread::sleep(Duration::MAX);
}

fn bound(path: &str) -> rustix::io::Result<OwnedFd> {
    let socket = socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    bind(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket)
}
