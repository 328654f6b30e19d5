//! Packets of its own making, true ones and lies: to the node, to the metadata address, to a neighbour, and out of the node. Who hears which is the
//! test's to say; each bears its name.

use std::{
    collections::BTreeSet,
    env,
    fmt::Write as _,
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, TcpListener, UdpSocket},
    os::fd::AsFd as _,
    thread,
    time::{Duration, Instant},
};

use ampoule_sys::refused::send_frame;
use rustix::{
    fd::OwnedFd,
    net::{
        AddressFamily, Protocol, RawProtocol, SendFlags, SocketFlags, SocketType, netdevice::name_to_index, sendto, socket, socket_with,
    },
};

use crate::{
    network::{GATEWAY, METADATA, Mac, NOBODY, NODE, api_port, mac_of, mac_of_link, neighbour, own_address},
    outcome::name_of,
    packet::{EXPERIMENT, Head, ICMP, TCP, UDP, advertisement, echo, icmp6, on_to, syn, udp},
    roles::{HEARD_PORT, HTTP_PORT},
};

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
/// Where lies come from: whoever they are answered to is answered here.
const PORT: u16 = 4242;
/// Each is sent this often: the first may be lost to a question for a link address.
const TIMES: usize = 3;
const PAUSE: Duration = Duration::from_millis(30);
const EAR: Duration = Duration::from_secs(5);
/// What a lying router has to give (RFC 3849), and what it is on its link.
const PREFIX: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x666, 0, 0, 0, 0, 0);
const ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0x66, 1);
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// A neighbour that tells what it hears, and from whom.
pub(crate) fn hear() {
    let _found = TcpListener::bind(("0.0.0.0", HTTP_PORT));
    let Ok(socket) = UdpSocket::bind(("0.0.0.0", HEARD_PORT)) else { return };
    println!("EAR open");
    let mut buffer = [0; 64];
    while let Ok((length, from)) = socket.recv_from(&mut buffer) {
        println!("EAR {} {}", from.ip(), String::from_utf8_lossy(&buffer[..length]));
    }
}

/// A packet with its name.
type Packet = (String, Vec<u8>);

/// Sends them all in both ways there are, and tells what comes back.
pub(crate) fn send_all() {
    match Place::find().and_then(|place| place.attack()) {
        Ok(()) => println!("PACKETS done"),
        Err(error) => println!("PACKETS FAILED: {error}"),
    }
    thread::sleep(Duration::MAX);
}

/// Where it is, and who else is there.
struct Place {
    own: Ipv4Addr,
    neighbour: Ipv4Addr,
    /// Somebody on a network of the node's, and the node there.
    stranger: Ipv4Addr,
    node_there: Ipv4Addr,
    link: u32,
    mac: Mac,
    gateway: Mac,
    frames: OwnedFd,
}

impl Place {
    fn find() -> io::Result<Self> {
        let address = |name: &str| env::var(name).ok().and_then(|text| text.parse().ok()).ok_or_else(|| io::Error::other(name.to_owned()));
        let frames = packet_socket(IPV4)?;
        Ok(Self {
            own: own_address().ok_or(io::ErrorKind::AddrNotAvailable)?,
            neighbour: awaited(neighbour).ok_or_else(|| io::Error::other("no neighbour answers"))?,
            stranger: address("ESCAPE_STRANGER")?,
            node_there: address("ESCAPE_NODE")?,
            link: name_to_index(&frames, "eth0")?,
            mac: mac_of_link()?,
            gateway: awaited(|| knock().and_then(|()| mac_of(GATEWAY)).ok()).ok_or_else(|| io::Error::other("no gateway"))?,
            frames,
        })
    }

    fn attack(&self) -> io::Result<()> {
        println!("PACKETS from {} beside {}", self.own, self.neighbour);
        let raw = socket(AddressFamily::INET, SocketType::RAW, RawProtocol::new(255).map(Protocol::from_raw))?;
        for (name, packet) in self.truths().into_iter().chain(self.to_metadata()).chain(self.lies()) {
            self.send(&raw, &name, &packet)?;
        }
        for (name, packet) in self.to_node() {
            println!("PACKETS {name} {}", self.asks(&packet)?);
        }
        println!("PACKETS ipv6 {:?}", self.plays_router()?);
        Ok(())
    }

    /// As a frame to the gateway, and through a socket that takes whole packets, where the workload's own kernel may have something against it.
    fn send(&self, raw: &OwnedFd, name: &str, packet: &[u8]) -> io::Result<()> {
        let to = Ipv4Addr::from([packet[16], packet[17], packet[18], packet[19]]);
        let mut refusals = BTreeSet::new();
        for _ in 0..TIMES {
            send_frame(self.frames.as_fd(), self.link, &self.frame(self.gateway, IPV4, packet))?;
            // Its own kernel would put its own address in the place of none.
            if packet[12..16] != [0; 4] {
                let sent = sendto(raw, packet, SendFlags::empty(), &SocketAddrV4::new(to, 0));
                refusals.extend(sent.err().map(|error| name_of(&error.into())));
            }
            thread::sleep(PAUSE);
        }
        println!("PACKETS sent {name} {refusals:?}");
        Ok(())
    }

    fn frame(&self, to: Mac, kind: u16, packet: &[u8]) -> Vec<u8> {
        [&to[..], &self.mac, &kind.to_be_bytes(), packet].concat()
    }

    /// What each workload may send.
    fn truths(&self) -> Vec<Packet> {
        let own = |name: &str, to: Ipv4Addr, port: u16| datagram(name, (self.own, PORT), (to, port));
        vec![
            own("out", self.stranger, PORT),
            own("neighbour", self.neighbour, HEARD_PORT),
            own("names-udp", METADATA, 53),
            first_segment("names-tcp", (self.own, PORT), (METADATA, 53)),
        ]
    }

    /// From its own address, to where nobody is for a workload.
    fn to_metadata(&self) -> Vec<Packet> {
        let mut packets: Vec<Packet> =
            [80, 443, 8080].map(|port| first_segment(&format!("metadata-tcp-{port}"), (self.own, PORT), (METADATA, port))).into();
        packets.push(datagram("metadata-udp", (self.own, PORT), (METADATA, 80)));
        packets.push(datagram("metadata-from-port-53", (self.own, 53), (METADATA, 80)));
        packets.push(first_segment("metadata-tcp-from-port-53", (self.own, 53), (METADATA, 80)));
        packets.push(in_ip("metadata-echo", Head::new(self.own, METADATA, ICMP), echo));
        packets.push(in_ip("metadata-experiment", Head::new(self.own, METADATA, EXPERIMENT), <[u8]>::to_vec));
        packets.push(self.routed("metadata-by-source-route", GATEWAY));
        packets.push(self.routed("metadata-by-way-of-the-node", NODE));
        packets.extend(self.fragments());
        packets
    }

    /// To one of the node's addresses, and on from there.
    fn routed(&self, name: &str, by: Ipv4Addr) -> Packet {
        let head = Head { options: on_to(METADATA), ..Head::new(self.own, by, UDP) };
        in_ip(name, head, |text| udp(PORT, 80, text))
    }

    /// A datagram in two parts: the port stands in the first alone (RFC 791, 2.3).
    fn fragments(&self) -> [Packet; 2] {
        let whole = udp(PORT, 80, b"ESC metadata-fragments; and more than one of them holds");
        let (first, second) = whole.split_at(48);
        let head = |fragment| Head { fragment, ..Head::new(self.own, METADATA, UDP) };
        [("metadata-fragment-1".into(), head(0x2000).with(first)), ("metadata-fragment-2".into(), head(6).with(second))]
    }

    /// From everybody else's address, to everybody.
    fn lies(&self) -> Vec<Packet> {
        let sources = [
            ("neighbour", self.neighbour),
            ("gateway", GATEWAY),
            ("node", NODE),
            ("node-there", self.node_there),
            ("loopback", Ipv4Addr::LOCALHOST),
            ("nobody", NOBODY),
            ("stranger", self.stranger),
            ("metadata", METADATA),
            ("zero", Ipv4Addr::UNSPECIFIED),
            ("broadcast", Ipv4Addr::BROADCAST),
            ("multicast", Ipv4Addr::new(224, 0, 0, 1)),
        ];
        sources.into_iter().flat_map(|(name, from)| self.lies_from(name, from)).collect()
    }

    fn lies_from(&self, name: &str, from: Ipv4Addr) -> [Packet; 6] {
        let lie = |what: &str, to: Ipv4Addr, port| datagram(&format!("as-{name}-{what}"), (from, PORT), (to, port));
        [
            lie("out", self.stranger, PORT),
            lie("to-neighbour", self.neighbour, HEARD_PORT),
            lie("names", METADATA, 53),
            lie("to-closed-port", GATEWAY, 9),
            // Who is answered has a connection in somebody else's name.
            first_segment(&format!("as-{name}-to-api"), (from, PORT), (GATEWAY, api_port())),
            first_segment(&format!("as-{name}-to-api-there"), (from, PORT), (self.node_there, api_port())),
        ]
    }

    /// First segments to what the node may have open at its addresses.
    fn to_node(&self) -> Vec<Packet> {
        let open = |name: &str, to: Ipv4Addr| first_segment(name, (self.own, PORT), (to, api_port()));
        vec![open("node-api", GATEWAY), open("node-loopback", Ipv4Addr::LOCALHOST), open("node-loopback-2", Ipv4Addr::new(127, 0, 0, 2))]
    }

    /// Whether anybody answers from where the packet goes.
    fn asks(&self, packet: &[u8]) -> io::Result<String> {
        let ear = packet_socket(IPV4)?;
        for _ in 0..TIMES {
            send_frame(self.frames.as_fd(), self.link, &self.frame(self.gateway, IPV4, packet))?;
        }
        let to = &packet[16..20];
        let answer = self.hears(&ear, |frame| frame.get(26..30) == Some(to) && frame.get(23) == Some(&TCP));
        Ok(if answer.is_some() { "answered" } else { "silent" }.into())
    }

    /// What the node says over IPv6 to one that plays a router, and to one that asks whether anybody is there.
    fn plays_router(&self) -> io::Result<Option<String>> {
        let ear = packet_socket(IPV6)?;
        let ask = [128, 0, 0, 0, 0, 7, 0, 1];
        for message in [&advertisement(PREFIX)[..], &ask, &advertisement(PREFIX)] {
            let packet = icmp6(ROUTER, ALL_NODES, message);
            send_frame(self.frames.as_fd(), self.link, &self.frame([0x33, 0x33, 0, 0, 0, 1], IPV6, &packet))?;
            thread::sleep(PAUSE);
        }
        // An address that it makes of the prefix is asked for before it is taken (RFC 4862, 5.4).
        let prefix = &PREFIX.octets()[..8];
        let has_prefix = |frame: &[u8]| frame.windows(8).any(|bytes| bytes == prefix);
        if let Some(frame) = self.hears(&ear, has_prefix) {
            return Ok(Some(format!("the node takes an address and a way out from a workload: {}", hex(&frame))));
        }
        Ok(self.hears(&ear, |_| true).map(|frame| format!("the node speaks IPv6 to a workload: {}", hex(&frame))))
    }

    /// The first such frame of the node's, if one comes in time.
    fn hears(&self, ear: &OwnedFd, wanted: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
        let (start, mut buffer) = (Instant::now(), [0; 2048]);
        while start.elapsed() < EAR {
            match rustix::net::recv(ear, &mut buffer[..], rustix::net::RecvFlags::empty()) {
                Ok((length, _)) if length >= 14 && buffer[6..12] != self.mac && wanted(&buffer[..length]) => {
                    return Some(buffer[..length].to_vec());
                }
                Ok(_) => {}
                Err(_) => thread::sleep(Duration::from_millis(2)),
            }
        }
        None
    }
}

fn packet_socket(kind: u16) -> io::Result<OwnedFd> {
    let kind = RawProtocol::new(u32::from(kind.to_be())).map(Protocol::from_raw);
    Ok(socket_with(AddressFamily::PACKET, SocketType::RAW, SocketFlags::NONBLOCK, kind)?)
}

/// So that the kernel asks for the gateway's link address.
fn knock() -> io::Result<()> {
    UdpSocket::bind("0.0.0.0:0")?.send_to(b"x", (GATEWAY, 9)).map(drop)
}

/// Others may start later.
fn awaited<T>(look: impl Fn() -> Option<T>) -> Option<T> {
    (0..60).find_map(|_| {
        look().or_else(|| {
            thread::sleep(Duration::from_millis(500));
            None
        })
    })
}

fn in_ip(name: &str, head: Head, body: impl Fn(&[u8]) -> Vec<u8>) -> Packet {
    (name.into(), head.with(&body(format!("ESC {name};").as_bytes())))
}

fn datagram(name: &str, from: (Ipv4Addr, u16), to: (Ipv4Addr, u16)) -> Packet {
    in_ip(name, Head::new(from.0, to.0, UDP), |text| udp(from.1, to.1, text))
}

fn first_segment(name: &str, from: (Ipv4Addr, u16), to: (Ipv4Addr, u16)) -> Packet {
    in_ip(name, Head::new(from.0, to.0, TCP), |text| syn(from, to, text))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
