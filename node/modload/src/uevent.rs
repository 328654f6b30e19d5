//! News of devices from the kernel (netlink, `NETLINK_KOBJECT_UEVENT`).

use std::{io, os::fd::OwnedFd};

use ampoule_modalias::MAX_ALIAS;
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
    net::{AddressFamily, RecvFlags, SocketFlags, SocketType, bind, netlink, recvfrom, socket_with, sockopt},
};

/// Multicast group of the kernel's own messages; udev's, which there is none of, would be 2.
const KERNEL_GROUP: u32 = 1;
/// The kernel's limit of one message is 2 KiB of environment after the path.
const MAX_MESSAGE: usize = 8 * 1024;
/// Room for messages that come faster than modules load. Less, and hot-plugging a full controller loses some.
const RECEIVE_BUFFER: usize = 1024 * 1024;

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// A new device wants a driver.
    Alias(String),
    /// The kernel had to drop messages.
    Missed,
    /// `SIGHUP`: settings may be others now.
    Settings,
}

/// The stream of messages, and `SIGHUP`.
pub(crate) struct Events {
    socket: OwnedFd,
    hangups: OwnedFd,
}

impl Events {
    /// Starts to listen: what happens from now on is not lost.
    pub(crate) fn listen() -> io::Result<Self> {
        let socket = socket_with(AddressFamily::NETLINK, SocketType::DGRAM, SocketFlags::CLOEXEC, Some(netlink::KOBJECT_UEVENT))?;
        sockopt::set_socket_recv_buffer_size(&socket, RECEIVE_BUFFER)?;
        bind(&socket, &netlink::SocketAddrNetlink::new(0, KERNEL_GROUP))?;
        Ok(Self { socket, hangups: ampoule_sys::signals::signal_descriptor(&[libc::SIGHUP])? })
    }

    /// Waits for the next thing to do.
    pub(crate) fn next(&self) -> io::Result<Seen> {
        loop {
            if self.settings_changed() {
                return Ok(Seen::Settings);
            }
            if let Some(seen) = self.next_device()? {
                return Ok(seen);
            }
            let mut all = [&self.socket, &self.hangups].map(|fd| PollFd::new(fd, PollFlags::IN));
            match poll(&mut all, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Takes all that is there: ten signals are one change.
    fn settings_changed(&self) -> bool {
        let mut changed = false;
        while ampoule_sys::signals::next_signal(&self.hangups).is_some() {
            changed = true;
        }
        changed
    }

    /// The next device that wants a driver; `None` when there is none now.
    fn next_device(&self) -> io::Result<Option<Seen>> {
        let mut buffer = vec![0u8; MAX_MESSAGE];
        loop {
            let (length, sender) = match recvfrom(&self.socket, &mut buffer[..], RecvFlags::DONTWAIT) {
                Ok((length, _, sender)) => (length, sender),
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => return Ok(None),
                Err(Errno::NOBUFS) => return Ok(Some(Seen::Missed)),
                Err(error) => return Err(error.into()),
            };
            // Only the kernel has port 0.
            let from_kernel =
                sender.and_then(|sender| netlink::SocketAddrNetlink::try_from(sender).ok()).is_some_and(|sender| sender.pid() == 0);
            if let Some(alias) = alias_of_added(&buffer[..length]).filter(|_| from_kernel) {
                return Ok(Some(Seen::Alias(alias)));
            }
        }
    }
}

/// The alias in `add@/devices/…\0ACTION=add\0…MODALIAS=…\0`; `None` for any other message.
fn alias_of_added(message: &[u8]) -> Option<String> {
    let mut fields = message.split(|byte| *byte == 0);
    if !fields.next()?.starts_with(b"add@") {
        return None;
    }
    let alias = fields.find_map(|field| field.strip_prefix(b"MODALIAS="))?;
    let alias = std::str::from_utf8(alias).ok()?;
    (!alias.is_empty() && alias.len() <= MAX_ALIAS).then(|| alias.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_added_devices_with_an_alias() {
        let add = b"add@/devices/pci0/x\0ACTION=add\0SUBSYSTEM=pci\0MODALIAS=pci:v1d2\0SEQNUM=9\0";
        assert_eq!(alias_of_added(add).as_deref(), Some("pci:v1d2"));
        assert_eq!(alias_of_added(b"remove@/devices/x\0MODALIAS=pci:v1\0"), None);
        assert_eq!(alias_of_added(b"add@/devices/x\0ACTION=add\0"), None);
        assert_eq!(alias_of_added(b"add@/devices/x\0MODALIAS=\0"), None);
    }

    proptest! {
        #[test]
        fn any_message_is_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = alias_of_added(&bytes);
        }
    }
}
