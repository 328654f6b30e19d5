//! What a service tells `init` of its state: `sd_notify(3)`, one datagram to the socket that `NOTIFY_SOCKET` names.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Tells `init` that this service does its work from now on.
pub fn ready() {
    notify("READY=1");
}

/// Sends `init` a message. Without a supervisor, as in a trial, nobody is told; one that cannot be reached is logged.
pub fn notify(message: &str) {
    let Some(name) = std::env::var_os("NOTIFY_SOCKET") else { return };
    if let Err(error) = send(&name, message) {
        log::warn!("init was not told '{message}': {error}");
    }
}

fn send(name: &OsStr, message: &str) -> io::Result<()> {
    let sent = UnixDatagram::unbound()?.send_to_addr(message.as_bytes(), &address(name)?);
    sent.map(drop)
}

/// A path, or with `@` in front a name that is no file.
fn address(name: &OsStr) -> io::Result<SocketAddr> {
    match name.as_bytes().strip_prefix(b"@") {
        Some(abstract_name) => SocketAddr::from_abstract_name(abstract_name),
        None => SocketAddr::from_pathname(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hears(socket: &UnixDatagram) -> String {
        let mut bytes = [0; 64];
        let size = socket.recv(&mut bytes).expect("a message");
        String::from_utf8_lossy(&bytes[..size]).into_owned()
    }

    #[test]
    fn a_message_reaches_a_path_and_an_abstract_name() {
        let path = std::env::temp_dir().join(format!("ampoule-notify-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let at_path = UnixDatagram::bind(&path).expect("bind");
        send(path.as_os_str(), "READY=1").expect("sent");
        assert_eq!(hears(&at_path), "READY=1");
        std::fs::remove_file(&path).expect("remove");

        let name = format!("@ampoule-notify-{}", std::process::id());
        let at_name = UnixDatagram::bind_addr(&address(OsStr::new(&name)).expect("address")).expect("bind");
        send(OsStr::new(&name), "STOPPING=1").expect("sent");
        assert_eq!(hears(&at_name), "STOPPING=1");
    }

    #[test]
    fn nobody_there_is_an_error() {
        assert!(send(OsStr::new("/nonexistent/notify.sock"), "READY=1").is_err());
    }
}
