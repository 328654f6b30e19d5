//! Frames: made for the node, and read from it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use etherparse::{
    ArpHardwareId, ArpOperation, ArpPacket, EtherType, NetSlice, PacketBuilder, PacketBuilderStep, SlicedPacket, TransportSlice,
};
use etherparse::{Ethernet2Header, Icmpv4Type, Icmpv6Type, IpHeaders};

/// Link addresses of both ends: locally administered, after those for documentation (RFC 7042, 2.1.2).
pub(crate) const NODE_LINK: [u8; 6] = [0x02, 0, 0x5e, 0, 0x53, 2];
const STRANGER_LINK: [u8; 6] = [0x02, 0, 0x5e, 0, 0x53, 1];
/// A network for tests of devices (RFC 2544), 198.18.0.0/16 of it.
pub(crate) const STRANGER_V4: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);
pub(crate) const NODE_V4: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 2);
/// The node's address where all of 169.254.0.0/16 is the stranger's, the metadata service of clouds too.
pub(crate) const NODE_LINK_LOCAL: Ipv4Addr = Ipv4Addr::new(169, 254, 83, 2);
/// The stranger as a router on the link.
pub(crate) const STRANGER_V6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
/// What it announces (RFC 3849).
pub(crate) const PREFIX: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x53, 0, 0, 0, 0, 0);
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

const ROUTER_ADVERTISEMENT: u8 = 134;
const NEIGHBOUR_SOLICITATION: u8 = 135;
const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
/// No router forwards what has it, so that nobody from elsewhere could have sent it (RFC 4861, 6.1.2).
const HOP_LIMIT: u8 = 255;

/// What is knocked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Tcp,
    Udp,
}

/// What the node says about one of its ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Open(u16),
    Closed(u16),
}

fn ethernet() -> PacketBuilderStep<Ethernet2Header> {
    PacketBuilder::ethernet2(STRANGER_LINK, NODE_LINK)
}

fn between(from: IpAddr, to: IpAddr, hops: u8) -> PacketBuilderStep<IpHeaders> {
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => ethernet().ipv4(from.octets(), to.octets(), hops),
        (IpAddr::V6(from), IpAddr::V6(to)) => ethernet().ipv6(from.octets(), to.octets(), hops),
        _ => panic!("{from} and {to} are of two families"),
    }
}

fn written(write: impl FnOnce(&mut Vec<u8>) -> bool) -> Vec<u8> {
    let mut frame = Vec::new();
    assert!(write(&mut frame), "a frame is longer than one can be");
    frame
}

/// A first segment of a connection, or one that ends it: with the number that comes after the first one's, or it counts for nothing (RFC 9293, 3.10.7.4).
pub(crate) fn segment(from: SocketAddr, to: SocketAddr, ends: bool) -> Vec<u8> {
    let tcp = between(from.ip(), to.ip(), 64).tcp(from.port(), to.port(), 1 + u32::from(ends), 1024);
    let tcp = if ends { tcp.rst() } else { tcp.syn() };
    written(|frame| tcp.write(frame, &[]).is_ok())
}

/// A datagram.
pub(crate) fn datagram(from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Vec<u8> {
    written(|frame| between(from.ip(), to.ip(), 64).udp(from.port(), to.port()).write(frame, payload).is_ok())
}

/// A router's word to all (RFC 4861, 4.2): hop limit, flags and for how long it is a way out; then its times and options.
pub(crate) fn advertisement(head: [u8; 4], body: &[u8], hops: u8) -> Vec<u8> {
    written(|frame| {
        let ip = between(STRANGER_V6.into(), ALL_NODES.into(), hops);
        ip.icmpv6_raw(ROUTER_ADVERTISEMENT, 0, head).write(frame, body).is_ok()
    })
}

/// The answer to whoever looks for one of the stranger's addresses (ARP; RFC 4861, 7.2).
pub(super) fn neighbour_answer(frame: &[u8]) -> Option<Vec<u8>> {
    let packet = SlicedPacket::from_ethernet(frame).ok()?;
    match packet.net? {
        NetSlice::Arp(arp) => arp_answer(&arp.to_packet()),
        NetSlice::Ipv6(ip) => {
            let Some(TransportSlice::Icmpv6(icmp)) = packet.transport else { return None };
            let target: [u8; 16] = icmp.payload().get(..16)?.try_into().ok()?;
            let (from, target) = (ip.header().source_addr(), Ipv6Addr::from(target));
            let asked = icmp.type_u8() == NEIGHBOUR_SOLICITATION && !from.is_unspecified() && super::Wire::stranger(target.into());
            asked.then(|| here_is(target, from))
        }
        NetSlice::Ipv4(_) => None,
    }
}

fn arp_answer(arp: &ArpPacket) -> Option<Vec<u8>> {
    let of = |bytes: &[u8]| <[u8; 4]>::try_from(bytes).ok().map(Ipv4Addr::from);
    let (from, target) = (of(arp.sender_protocol_addr())?, of(arp.target_protocol_addr())?);
    let asked = arp.operation == ArpOperation::REQUEST && !from.is_unspecified() && super::Wire::stranger(target.into());
    let answer = || {
        let (hardware, protocol) = (ArpHardwareId::ETHERNET, EtherType::IPV4);
        ArpPacket::new(hardware, protocol, ArpOperation::REPLY, &STRANGER_LINK, &target.octets(), &NODE_LINK, &from.octets()).ok()
    };
    let answer = asked.then(answer)??;
    Some(written(|frame| ethernet().arp(answer).write(frame).is_ok()))
}

fn here_is(target: Ipv6Addr, to: Ipv6Addr) -> Vec<u8> {
    // Solicited, and instead of what was known; then the link address.
    let flags = [0b0110_0000, 0, 0, 0];
    let body = [&target.octets()[..], &[2, 1], &STRANGER_LINK].concat();
    written(|frame| {
        let ip = between(target.into(), to.into(), HOP_LIMIT);
        ip.icmpv6_raw(NEIGHBOUR_ADVERTISEMENT, 0, flags).write(frame, &body).is_ok()
    })
}

/// What a frame says about a port that was knocked at from `port`. A node says again what it said to an earlier scan, by the other transport.
pub(super) fn said(frame: &[u8], transport: Transport, port: u16) -> Option<Said> {
    let packet = SlicedPacket::from_ethernet(frame).ok()?;
    match (transport, packet.transport?) {
        (Transport::Tcp, TransportSlice::Tcp(tcp)) if tcp.destination_port() == port => match (tcp.syn(), tcp.rst()) {
            (_, true) => Some(Said::Closed(tcp.source_port())),
            (true, false) => Some(Said::Open(tcp.source_port())),
            _ => None,
        },
        (Transport::Udp, TransportSlice::Udp(udp)) if udp.destination_port() == port => Some(Said::Open(udp.source_port())),
        (Transport::Udp, TransportSlice::Icmpv4(icmp)) if matches!(icmp.icmp_type(), Icmpv4Type::DestinationUnreachable(_)) => {
            quoted_port(icmp.payload(), port)
        }
        (Transport::Udp, TransportSlice::Icmpv6(icmp)) if matches!(icmp.icmp_type(), Icmpv6Type::DestinationUnreachable(_)) => {
            quoted_port(icmp.payload(), port)
        }
        _ => None,
    }
}

/// Of the datagram that could not be delivered.
fn quoted_port(quoted: &[u8], port: u16) -> Option<Said> {
    let Some(TransportSlice::Udp(udp)) = SlicedPacket::from_ip(quoted).ok()?.transport else { return None };
    (udp.source_port() == port).then(|| Said::Closed(udp.destination_port()))
}

/// The payload of a datagram to `port`.
pub(super) fn payload_to(frame: &[u8], port: u16) -> Option<Vec<u8>> {
    let packet = SlicedPacket::from_ethernet(frame).ok()?;
    let Some(TransportSlice::Udp(udp)) = packet.transport else { return None };
    (udp.destination_port() == port).then(|| udp.payload().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: SocketAddr = SocketAddr::new(IpAddr::V4(NODE_V4), 9443);
    const STRANGER: SocketAddr = SocketAddr::new(IpAddr::V4(STRANGER_V4), 4000);

    /// As if the node had sent it: only what is looked at.
    fn unreachable(quoted: &[u8]) -> Vec<u8> {
        let ip = between(NODE_V4.into(), STRANGER_V4.into(), 64);
        written(|frame| ip.icmpv4_raw(3, 3, [0; 4]).write(frame, quoted).is_ok())
    }

    #[test]
    fn ends_of_connections_and_unreachable_ports_are_closed() {
        assert_eq!(said(&segment(NODE, STRANGER, true), Transport::Tcp, 4000), Some(Said::Closed(9443)));
        assert_eq!(said(&segment(NODE, STRANGER, false), Transport::Tcp, 4000), Some(Said::Open(9443)));
        assert_eq!(said(&segment(NODE, STRANGER, true), Transport::Tcp, 4001), None);
        // The sender's own frame, less its Ethernet head, is what an error quotes.
        let quoted = &datagram(STRANGER, NODE, b"x")[14..];
        assert_eq!(said(&unreachable(quoted), Transport::Udp, 4000), Some(Said::Closed(9443)));
        assert_eq!(said(&unreachable(quoted), Transport::Udp, 4001), None);
        assert_eq!(said(&datagram(NODE, STRANGER, b"x"), Transport::Udp, 4000), Some(Said::Open(9443)));
        assert_eq!(said(b"noise", Transport::Udp, 4000), None);
        assert_eq!(said(&segment(NODE, STRANGER, false), Transport::Udp, 4000), None, "late word of another scan");
    }

    #[test]
    fn the_stranger_answers_for_its_network_and_not_for_the_node() {
        let ask = |target: Ipv4Addr, from: Ipv4Addr| {
            let (hardware, protocol) = (ArpHardwareId::ETHERNET, EtherType::IPV4);
            let operation = ArpOperation::REQUEST;
            let arp =
                ArpPacket::new(hardware, protocol, operation, &NODE_LINK, &from.octets(), &[0; 6], &target.octets()).expect("a question");
            neighbour_answer(&written(|frame| ethernet().arp(arp).write(frame).is_ok()))
        };
        assert!(ask(STRANGER_V4, NODE_V4).is_some());
        assert!(ask(Ipv4Addr::new(198, 18, 7, 7), NODE_V4).is_some());
        assert!(ask(Ipv4Addr::new(169, 254, 169, 254), NODE_LINK_LOCAL).is_some() && ask(NODE_LINK_LOCAL, STRANGER_V4).is_none());
        // Does anybody have it? (RFC 5227): nobody, or the node would not take it.
        assert!(ask(NODE_V4, Ipv4Addr::UNSPECIFIED).is_none() && ask(NODE_V4, STRANGER_V4).is_none());
        assert!(ask(Ipv4Addr::new(10, 0, 2, 2), NODE_V4).is_none());
    }
}
