//! Whether somebody listens behind a path: how a service with `readiness = "socket:…"` shows that it is ready.

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

/// The kernel lets a socket of one kind connect to its own kind only. One for datagrams takes them from when it has its path.
const KINDS: [SocketType; 3] = [SocketType::STREAM, SocketType::SEQPACKET, SocketType::DGRAM];

/// Whether the socket at `path` takes connections, found out by making one and closing it. Never waits.
///
/// A path alone says little: one that is bound and not yet listened on, one that an earlier life left behind and a plain file take none, and who required the service would be
/// turned away.
pub(crate) fn takes_connections(path: &str) -> bool {
    SocketAddrUnix::new(path).is_ok_and(|address| KINDS.iter().any(|kind| connects(&address, *kind)))
}

fn connects(address: &SocketAddrUnix, kind: SocketType) -> bool {
    let socket = socket_with(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None);
    // AGAIN: as many wait to be let in as may, so somebody listens.
    socket.is_ok_and(|socket| matches!(connect(&socket, address), Ok(()) | Err(Errno::AGAIN)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{bind, listen};
    use std::os::fd::OwnedFd;

    fn place(name: &str) -> String {
        let path = std::env::temp_dir().join(format!("ampoule-listening-{name}-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        path.display().to_string()
    }

    fn bound(path: &str, kind: SocketType) -> OwnedFd {
        let socket = socket_with(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None).expect("a socket");
        bind(&socket, &SocketAddrUnix::new(path).expect("an address")).expect("bound");
        socket
    }

    #[test]
    fn one_that_is_bound_is_ready_only_once_it_is_listened_on() {
        for (name, kind) in [("stream", SocketType::STREAM), ("seqpacket", SocketType::SEQPACKET)] {
            let path = place(name);
            assert!(!takes_connections(&path), "{name}: nothing is there");
            let socket = bound(&path, kind);
            assert!(!takes_connections(&path), "{name}: nobody listens");
            listen(&socket, 1).expect("listens");
            assert!(takes_connections(&path), "{name}: it listens");
            std::fs::remove_file(&path).expect("removed");
        }
    }

    #[test]
    fn one_that_is_full_is_ready() {
        let path = place("full");
        let socket = bound(&path, SocketType::STREAM);
        listen(&socket, 0).expect("listens");
        let address = SocketAddrUnix::new(&path).expect("an address");
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let guests: Vec<OwnedFd> =
            (0..8).map(|_| socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).expect("a socket")).collect();
        assert!(guests.iter().any(|guest| connect(guest, &address) == Err(Errno::AGAIN)), "it is not full");
        assert!(takes_connections(&path));
        std::fs::remove_file(&path).expect("removed");
    }

    #[test]
    fn what_is_left_of_an_earlier_life_and_other_files_are_not() {
        let path = place("left");
        let socket = bound(&path, SocketType::STREAM);
        listen(&socket, 1).expect("listens");
        drop(socket);
        assert!(std::path::Path::new(&path).exists() && !takes_connections(&path), "its owner is gone");
        std::fs::remove_file(&path).expect("removed");
        std::fs::write(&path, "").expect("written");
        assert!(!takes_connections(&path), "a plain file");
        std::fs::remove_file(&path).expect("removed");
        assert!(!takes_connections(&format!("/{}", "x".repeat(200))), "no address has room for it");
    }

    #[test]
    fn one_for_datagrams_is_ready_when_it_has_its_path() {
        let path = place("datagram");
        let _socket = bound(&path, SocketType::DGRAM);
        assert!(takes_connections(&path));
        std::fs::remove_file(&path).expect("removed");
    }
}
