//! The node, the metadata address and the neighbour over the network that workloads share.

use std::{
    env, fs,
    io::{self, Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream, UdpSocket},
    os::fd::AsFd,
    time::{Duration, Instant},
};

use ampoule_sys::refused::send_frame;
use rustix::{
    fd::OwnedFd,
    io::Errno,
    net::{
        AddressFamily, Protocol, RawProtocol, SendFlags, SocketFlags, SocketType, bind, netdevice::name_to_index,
        netlink::SocketAddrNetlink, send, sendto, socket, socket_with,
    },
};

use crate::{
    Attempt,
    outcome::{Outcome, judged, worst},
    roles::{HEARD_PORT, HTTP_PORT},
};

pub(crate) const ATTEMPTS: &[Attempt] = &[
    ("netlink-link", || netlink(0, &LINK_DOWN, "took the link down")),
    ("netlink-route", || netlink(0, &NEW_ADDRESS, "gave itself another address")),
    ("netlink-nft", || netlink(12, &NEW_TABLE, "made a table of packet rules")),
    ("netlink-audit", || netlink(9, &AUDIT_OFF, "switched off the audit log")),
    ("node-ports", node_ports),
    ("node-api-without-certificate", api_in_plain),
    ("metadata-address", metadata),
    ("spoofed-source", spoofed_source),
    ("arp-gateway", || redirect(Lie::IAmTheGateway)),
    ("arp-neighbour", || redirect(Lie::IAmTheNeighbour)),
    ("mac-neighbour", || redirect(Lie::MyAddressIsTheNeighbours)),
];

/// The node in the workloads' network.
pub(crate) const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 88, 0, 1);
/// The node in the network of the emulator.
pub(crate) const NODE: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);
pub(crate) const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
/// Nobody's address (RFC 5737): a neighbour that hears it was lied to.
pub(crate) const NOBODY: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 7);

/// rtnetlink(7): RTM_NEWLINK for link 2 with IFF_UP in the mask and not in the flags.
const LINK_DOWN: [u8; 32] = [32, 0, 0, 0, 16, 0, 5, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0];
/// RTM_NEWADDR: 10.88.99.99/16 on link 2.
const NEW_ADDRESS: [u8; 32] = [32, 0, 0, 0, 20, 0, 5, 6, 1, 0, 0, 0, 0, 0, 0, 0, 2, 16, 0, 0, 2, 0, 0, 0, 8, 0, 2, 0, 10, 88, 99, 99];
/// nfnetlink: a batch's begin, NFT_MSG_NEWTABLE "esc" of family inet, a batch's end.
const NEW_TABLE: [u8; 68] = [
    20, 0, 0, 0, 16, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, // begin
    28, 0, 0, 0, 0, 10, 5, 4, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 8, 0, 1, 0, b'e', b's', b'c', 0, // table
    20, 0, 0, 0, 17, 0, 1, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, // end
];
/// AUDIT_SET with AUDIT_STATUS_ENABLED in the mask and 0 as its value.
const AUDIT_OFF: [u8; 56] = {
    let mut bytes = [0; 56];
    [bytes[0], bytes[4], bytes[5], bytes[6], bytes[8], bytes[16]] = [56, 0xe9, 3, 5, 1, 1];
    bytes
};

/// Sends a request to a part of the kernel and takes its answer.
fn netlink(part: u32, request: &[u8], what: &str) -> Outcome {
    judged(ask_netlink(part, request), what)
}

fn ask_netlink(part: u32, request: &[u8]) -> io::Result<()> {
    let protocol = RawProtocol::new(part).map(Protocol::from_raw);
    let socket = socket(AddressFamily::NETLINK, SocketType::RAW, protocol)?;
    bind(&socket, &SocketAddrNetlink::new(0, 0))?;
    send(&socket, request, SendFlags::empty())?;
    let mut answer = [0; 4096];
    let (count, _) = rustix::net::recv(&socket, &mut answer[..], rustix::net::RecvFlags::empty())?;
    // nlmsgerr: the error stands after the head, negated; 0 is success.
    let code = answer.get(16..20).filter(|_| count >= 20).and_then(|bytes| bytes.try_into().ok()).map_or(0, i32::from_ne_bytes);
    if code == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(-code)) }
}

/// The port that the test itself asked the node to open.
pub(crate) fn api_port() -> u16 {
    env::var("ESCAPE_API_PORT").ok().and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// Ports of the node that other workloads publish are meant to answer.
fn published() -> Vec<u16> {
    let text = env::var("ESCAPE_PUBLISHED").unwrap_or_default();
    text.split(',').filter_map(|port| port.parse().ok()).chain([api_port()]).collect()
}

fn node_ports() -> Outcome {
    let expected = published();
    let open = |address: Ipv4Addr| (1..=2048).chain([6443, 8443, 9090, 10250, 10255]).filter(move |port| reaches(address, *port).is_ok());
    let surplus: Vec<u16> = [GATEWAY, NODE].into_iter().flat_map(open).filter(|port| !expected.contains(port)).collect();
    if surplus.is_empty() {
        return judged(reaches(GATEWAY, 22), "the node's port 22");
    }
    Outcome::Succeeded(format!("the node's ports {surplus:?} answer"))
}

fn reaches(address: Ipv4Addr, port: u16) -> io::Result<TcpStream> {
    // The library's own word for an end of its patience has no number: it is that of the kernel's.
    let named = |error: io::Error| if error.kind() == io::ErrorKind::TimedOut { Errno::TIMEDOUT.into() } else { error };
    TcpStream::connect_timeout(&SocketAddr::new(IpAddr::V4(address), port), Duration::from_secs(2)).map_err(named)
}

/// What is open because a setting says so speaks only to those who show a certificate.
fn api_in_plain() -> Outcome {
    let asked = reaches(GATEWAY, api_port()).and_then(|mut stream| {
        stream.set_read_timeout(Some(Duration::from_secs(3)))?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: node\r\n\r\n")?;
        let mut answer = [0; 64];
        let count = stream.read(&mut answer)?;
        Ok(answer[..count].to_vec())
    });
    match asked {
        Ok(answer) if answer.starts_with(b"HTTP/") => Outcome::Succeeded("the API answers in plain".into()),
        Ok(answer) => Outcome::Impossible(format!("a TLS alert or an end is all there is: {answer:?}")),
        Err(error) => Outcome::Refused(error),
    }
}

fn metadata() -> Outcome {
    worst([80, 8080, 443].map(|port| judged(reaches(METADATA, port), "connected to the metadata service")))
}

/// The first workload besides this one that answers: the neighbour.
pub(crate) fn neighbour() -> Option<Ipv4Addr> {
    let own = own_address()?;
    (2..12).map(|last| Ipv4Addr::new(10, 88, 0, last)).filter(|address| *address != own).find(|address| reaches_soon(*address))
}

fn reaches_soon(address: Ipv4Addr) -> bool {
    TcpStream::connect_timeout(&SocketAddr::new(IpAddr::V4(address), HTTP_PORT), Duration::from_millis(400)).is_ok()
}

pub(crate) fn own_address() -> Option<Ipv4Addr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect((GATEWAY, 9)).ok()?;
    match socket.local_addr().ok()?.ip() {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    }
}

/// Whether the neighbour hears it is in the neighbour's log; the test reads it. A raw socket alone is no hole: every workload may have one.
fn spoofed_source() -> Outcome {
    let Some(target) = neighbour() else { return Outcome::Refused(io::Error::other("no neighbour answers")) };
    let raw = RawProtocol::new(255).map(Protocol::from_raw);
    let sent = socket(AddressFamily::INET, SocketType::RAW, raw).and_then(|socket| {
        let packet = datagram(NOBODY, target, HEARD_PORT, b"lie");
        (0..5).try_for_each(|_| sendto(&socket, &packet, SendFlags::empty(), &SocketAddrV4::new(target, 0)).map(drop))
    });
    match sent {
        Err(error) => Outcome::Refused(error.into()),
        Ok(()) => Outcome::Impossible(format!("sent to {target}; what the neighbour heard is in its log")),
    }
}

/// An IPv4 packet (RFC 791) with a UDP datagram; the kernel fills in the sum of the head, and UDP needs none.
fn datagram(from: Ipv4Addr, to: Ipv4Addr, port: u16, text: &[u8]) -> Vec<u8> {
    let length = u16::try_from(28 + text.len()).unwrap_or(28);
    let mut packet = vec![0x45, 0];
    packet.extend(length.to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, 17, 0, 0]);
    packet.extend(from.octets());
    packet.extend(to.octets());
    packet.extend(port.to_be_bytes());
    packet.extend(port.to_be_bytes());
    packet.extend((length - 20).to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(text);
    packet
}

/// What it tells the others on the bridge.
#[derive(Clone, Copy)]
enum Lie {
    IAmTheGateway,
    IAmTheNeighbour,
    MyAddressIsTheNeighbours,
}

pub(crate) type Mac = [u8; 6];

/// Lies for five seconds, and looks whether packets of the neighbour come that were not for this workload.
fn redirect(lie: Lie) -> Outcome {
    let Some(target) = neighbour() else { return Outcome::Refused(io::Error::other("no neighbour answers")) };
    match listen_while_lying(lie, target) {
        Err(error) => Outcome::Refused(error),
        Ok(Some(what)) => Outcome::Succeeded(what),
        Ok(None) => Outcome::Impossible(format!("lied for 5 s, and nothing of {target} came")),
    }
}

fn listen_while_lying(lie: Lie, target: Ipv4Addr) -> io::Result<Option<String>> {
    let ether_ip = RawProtocol::new(u32::from(0x0800u16.to_be())).map(Protocol::from_raw);
    let socket = socket_with(AddressFamily::PACKET, SocketType::RAW, SocketFlags::NONBLOCK, ether_ip)?;
    let link = name_to_index(&socket, "eth0")?;
    let own = mac_of_link()?;
    let frame = frame_of(lie, own, target)?;
    let (start, mut told) = (Instant::now(), None::<Instant>);
    while start.elapsed() < Duration::from_secs(5) {
        if told.is_none_or(|told| told.elapsed() > Duration::from_millis(300)) {
            send_frame(socket.as_fd(), link, &frame)?;
            told = Some(Instant::now());
        }
        match received(&socket).filter(|frame| is_foreign(frame, own, target)) {
            Some(frame) => return Ok(Some(format!("{} bytes of {target}: {:?}", frame.len(), &frame[14..34]))),
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    }
    Ok(None)
}

fn received(socket: &OwnedFd) -> Option<Vec<u8>> {
    let mut buffer = [0; 2048];
    let (count, _) = rustix::net::recv(socket, &mut buffer[..], rustix::net::RecvFlags::empty()).ok()?;
    (count >= 34).then(|| buffer[..count].to_vec())
}

/// From the neighbour or to it, with neither end here. What it sends itself is seen too and does not count.
fn is_foreign(frame: &[u8], own: Mac, target: Ipv4Addr) -> bool {
    let own_address = own_address().unwrap_or(Ipv4Addr::UNSPECIFIED).octets();
    let (from, to) = (&frame[26..30], &frame[30..34]);
    let not_ours = from != own_address && to != own_address && frame[6..12] != own;
    not_ours && (from == target.octets() || to == target.octets())
}

pub(crate) fn mac_of_link() -> io::Result<Mac> {
    parse_mac(&fs::read_to_string("/sys/class/net/eth0/address")?).ok_or_else(|| io::Error::other("no address of the link"))
}

fn parse_mac(text: &str) -> Option<Mac> {
    let bytes: Vec<u8> = text.trim().split(':').filter_map(|byte| u8::from_str_radix(byte, 16).ok()).collect();
    bytes.try_into().ok()
}

/// The neighbour's, which the kernel has asked for when it was connected to.
pub(crate) fn mac_of(address: Ipv4Addr) -> io::Result<Mac> {
    let table = fs::read_to_string("/proc/net/arp")?;
    let line = table.lines().find(|line| line.split_whitespace().next() == Some(&address.to_string()));
    let mac = line.and_then(|line| parse_mac(line.split_whitespace().nth(3)?));
    mac.ok_or_else(|| io::Error::other("the neighbour's link address is unknown"))
}

/// RFC 826: an answer that nobody asked for, to everyone; or any frame at all from a borrowed address.
fn frame_of(lie: Lie, own: Mac, target: Ipv4Addr) -> io::Result<Vec<u8>> {
    let (from, claimed) = match lie {
        Lie::IAmTheGateway => (own, GATEWAY),
        Lie::IAmTheNeighbour => (own, target),
        Lie::MyAddressIsTheNeighbours => (mac_of(target)?, own_address().unwrap_or(target)),
    };
    let mut frame = vec![0xff; 6];
    frame.extend(from);
    frame.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, 2]);
    frame.extend(from);
    frame.extend(claimed.octets());
    frame.extend([0xff; 6]);
    frame.extend(if claimed == target { GATEWAY } else { target }.octets());
    frame.resize(60, 0);
    Ok(frame)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_as_long_as_they_say() {
        for message in [&LINK_DOWN[..], &NEW_ADDRESS, &AUDIT_OFF] {
            assert_eq!(u32::from_ne_bytes([message[0], message[1], message[2], message[3]]) as usize, message.len());
        }
        assert_eq!(NEW_TABLE[0] + NEW_TABLE[20] + NEW_TABLE[48], 68);
        assert_eq!(datagram(NOBODY, GATEWAY, 1, b"lie").len(), 31);
    }

    #[test]
    fn own_packets_are_not_foreign() {
        let target = Ipv4Addr::new(192, 0, 2, 1);
        let mut frame = [0; 34];
        frame[26..30].copy_from_slice(&target.octets());
        assert!(is_foreign(&frame, [1; 6], target));
        frame[6..12].copy_from_slice(&[1; 6]);
        assert!(!is_foreign(&frame, [1; 6], target));
    }
}
