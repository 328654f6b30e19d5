//! Name servers in router advertisements: heard through the kernel, which receives the advertisements themselves; and the question that brings one at once.

use crate::parser::Parser;
use ampoule_netmodel::ndisc::Announcement;
use rtnetlink::MulticastGroup;
use rtnetlink::sys::{AsyncSocket, AsyncSocketExt, TokioSocket, protocols::NETLINK_ROUTE};
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, ipproto, sockopt};
use std::io;
use std::net::{Ipv6Addr, SocketAddrV6};
use std::os::fd::OwnedFd;

/// A message holds one option, of 2 KiB at most (RFC 4861, 4.6), behind two small headers.
const DATAGRAM: usize = 4096;
/// All routers of a link (RFC 4291, 2.7.1).
const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
/// A router solicitation without options (RFC 4861, 4.1); the kernel fills in the checksum.
const SOLICITATION: [u8; 8] = [133, 0, 0, 0, 0, 0, 0, 0];

/// Hears the announcements of all links.
pub(crate) struct Listener(TokioSocket);

impl Listener {
    /// Begins to listen: before the link is turned on, or the first advertisement is missed.
    ///
    /// # Errors
    /// The kernel's.
    pub(crate) fn open() -> io::Result<Self> {
        let mut socket = TokioSocket::new(NETLINK_ROUTE)?;
        socket.socket_mut().bind_auto()?;
        socket.socket_mut().add_membership(MulticastGroup::NdUseropt as u32)?;
        Ok(Self(socket))
    }

    /// Waits for the kernel's next message.
    ///
    /// # Errors
    /// The kernel's; `ENOBUFS` if some were lost because this daemon was too slow.
    pub(crate) async fn hear(&self) -> io::Result<Vec<u8>> {
        let mut datagram = Vec::with_capacity(DATAGRAM);
        let sender = self.0.recv_from(&mut datagram).await?;
        // Port 0 is the kernel; other programs can send to this socket too.
        Ok(if sender.port_number() == 0 { datagram } else { Vec::new() })
    }
}

/// What routers announce in a message of [`Listener::hear`].
pub(crate) async fn read(message: &[u8], parser: &Parser) -> Vec<Announcement> {
    if message.is_empty() { Vec::new() } else { parser.announcements(message).await }
}

/// Asks the routers of a link for an advertisement. The kernel does so when a link comes up, but a daemon that was started anew missed the answer.
///
/// # Errors
/// The kernel's, as when the link has no address of its own yet: then the kernel has not asked yet either.
pub(crate) fn solicit(index: u32) -> io::Result<()> {
    rustix::net::sendto(sender()?, &SOLICITATION, SendFlags::empty(), &SocketAddrV6::new(ALL_ROUTERS, 0, 0, index))?;
    Ok(())
}

/// Sends neighbour discovery's packets.
fn sender() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::INET6, SocketType::RAW, flags, Some(ipproto::ICMPV6))?;
    // Another hop limit would not count (RFC 4861, 6.1.1).
    sockopt::set_ipv6_multicast_hops(&socket, 255)?;
    Ok(socket)
}

#[cfg(test)]
#[path = "ndisc_tests.rs"]
pub(crate) mod tests;
