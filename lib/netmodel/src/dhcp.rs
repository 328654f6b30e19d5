//! A DHCPv4 client (RFC 2131) without sockets or clocks.
//!
//! ```text
//! Selecting ──offer──▶ Requesting ──ack──▶ Bound ──T1──▶ Renewing ──T2──▶ Rebinding ──end──▶ Selecting
//!     ▲                    │ nak, tries                      │ ack: Bound      │ nak: Selecting
//!     └────────────────────┴─────────────────────────────────┴─────────────────┘
//! ```

use dhcproto::v4::{DhcpOption, Flags, Message, MessageType, Opcode, OptionCode};
use dhcproto::{Decodable, Encodable};
use std::net::Ipv4Addr;

/// Milliseconds of a monotonic clock.
pub type Millis = u64;

/// First wait for an answer; doubles with each try (RFC 2131, 4.1).
const FIRST_WAIT: Millis = 1_000;
/// Longest wait between tries: a server that comes back is found within this.
const LONGEST_WAIT: Millis = 16_000;
/// Requests for an offer before another offer is looked for.
const REQUEST_TRIES: u32 = 4;
/// Shortest lease taken: a server that says less would keep us busy with nothing else.
const SHORTEST_LEASE: u32 = 60;
/// Longest wait between tries to renew (RFC 2131, 4.4.5 has half of what is left, but at least this).
const RENEW_WAIT: Millis = 60_000;

/// What a server granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Our address.
    pub address: Ipv4Addr,
    /// Length of the network's prefix.
    pub prefix: u8,
    /// Way out.
    pub router: Option<Ipv4Addr>,
    /// Resolvers.
    pub name_servers: Vec<Ipv4Addr>,
    /// Search domain, as sent.
    pub domain: Option<String>,
    /// Our name, as sent.
    pub host_name: Option<String>,
    /// Largest packet.
    pub mtu: Option<u16>,
    /// Who granted it.
    pub server: Ipv4Addr,
    /// For how long.
    pub seconds: u32,
}

/// Where the client is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Selecting { tries: u32 },
    Requesting { offer: Lease, tries: u32 },
    Bound { lease: Lease, since: Millis },
    Renewing { lease: Lease, since: Millis },
    Rebinding { lease: Lease, since: Millis },
}

/// What the shell around the client does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send these bytes to port 67 of this address.
    Send(Vec<u8>, Ipv4Addr),
    /// Give the link this lease.
    Configure(Lease),
    /// The lease is over: take its address away.
    Unconfigure(Lease),
}

/// The client of one link.
#[derive(Debug, Clone)]
pub struct Client {
    mac: [u8; 6],
    transaction: u32,
    state: State,
    wake: Millis,
}

impl Client {
    /// A client that has nothing. `transaction` is a random number that others cannot guess; call [`Client::wake`] to begin.
    #[must_use]
    pub fn new(mac: [u8; 6], transaction: u32, now: Millis) -> Self {
        Self { mac, transaction, state: State::Selecting { tries: 0 }, wake: now }
    }

    /// When [`Client::wake`] is to be called next.
    #[must_use]
    pub fn next_wake(&self) -> Millis {
        self.wake
    }

    /// The lease in force.
    #[must_use]
    pub fn lease(&self) -> Option<&Lease> {
        match &self.state {
            State::Bound { lease, .. } | State::Renewing { lease, .. } | State::Rebinding { lease, .. } => Some(lease),
            State::Selecting { .. } | State::Requesting { .. } => None,
        }
    }

    /// A word for the status document.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self.state {
            State::Selecting { .. } => "selecting",
            State::Requesting { .. } => "requesting",
            State::Bound { .. } => "bound",
            State::Renewing { .. } => "renewing",
            State::Rebinding { .. } => "rebinding",
        }
    }

    /// The link is back: the lease is asked for again, at once; until an answer comes it stays.
    pub fn carrier_returned(&mut self, now: Millis) {
        self.state = match std::mem::replace(&mut self.state, State::Selecting { tries: 0 }) {
            State::Bound { lease, since } | State::Renewing { lease, since } => State::Rebinding { lease, since },
            State::Rebinding { lease, since } => State::Rebinding { lease, since },
            State::Selecting { .. } | State::Requesting { .. } => State::Selecting { tries: 0 },
        };
        self.wake = now;
    }

    /// Time passed. Does nothing before [`Client::next_wake`].
    pub fn wake(&mut self, now: Millis) -> Vec<Action> {
        if now < self.wake {
            return Vec::new();
        }
        match self.state.clone() {
            State::Selecting { tries } => self.discover(now, tries),
            State::Requesting { offer, tries } => self.request(now, offer, tries),
            State::Bound { lease, since } => {
                self.state = State::Renewing { lease, since };
                self.wake(now)
            }
            State::Renewing { lease, since } => self.renew(now, lease, since),
            State::Rebinding { lease, since } => self.rebind(now, lease, since),
        }
    }

    /// A packet came. One that is not a server's answer to our own question does nothing.
    pub fn packet(&mut self, now: Millis, bytes: &[u8]) -> Vec<Action> {
        let Some((kind, lease)) = self.answer(bytes) else { return Vec::new() };
        match (kind, self.state.clone()) {
            (MessageType::Offer, State::Selecting { .. }) => lease.map(|offer| self.request(now, offer, 0)).unwrap_or_default(),
            (MessageType::Ack, State::Requesting { offer, .. }) => {
                lease.filter(|l| l.server == offer.server).map(|l| self.bind(now, l, None)).unwrap_or_default()
            }
            (MessageType::Ack, State::Renewing { lease: old, .. } | State::Rebinding { lease: old, .. }) => {
                lease.map(|l| self.bind(now, l, Some(old))).unwrap_or_default()
            }
            (MessageType::Nak, State::Requesting { .. }) => self.start_over(now, None),
            (MessageType::Nak, State::Renewing { lease, .. } | State::Rebinding { lease, .. }) => self.start_over(now, Some(lease)),
            _ => Vec::new(),
        }
    }

    fn discover(&mut self, now: Millis, tries: u32) -> Vec<Action> {
        self.state = State::Selecting { tries: tries.saturating_add(1) };
        self.wake = now + backoff(tries);
        vec![self.send(MessageType::Discover, |_| {}, Ipv4Addr::BROADCAST)]
    }

    fn request(&mut self, now: Millis, offer: Lease, tries: u32) -> Vec<Action> {
        if tries >= REQUEST_TRIES {
            return self.start_over(now, None);
        }
        let (address, server) = (offer.address, offer.server);
        self.state = State::Requesting { offer, tries: tries + 1 };
        self.wake = now + backoff(tries);
        let ask = |m: &mut Message| {
            m.opts_mut().insert(DhcpOption::RequestedIpAddress(address));
            m.opts_mut().insert(DhcpOption::ServerIdentifier(server));
        };
        vec![self.send(MessageType::Request, ask, Ipv4Addr::BROADCAST)]
    }

    fn renew(&mut self, now: Millis, lease: Lease, since: Millis) -> Vec<Action> {
        if now >= since + part(&lease, 7, 8) {
            return self.rebind(now, lease, since);
        }
        let (address, server) = (lease.address, lease.server);
        self.wake = (now + RENEW_WAIT).min(since + part(&lease, 7, 8)).max(now + 1);
        self.state = State::Renewing { lease, since };
        vec![self.send(MessageType::Request, |m| _ = m.set_ciaddr(address), server)]
    }

    fn rebind(&mut self, now: Millis, lease: Lease, since: Millis) -> Vec<Action> {
        let end = since + part(&lease, 1, 1);
        if now >= end {
            return self.start_over(now, Some(lease));
        }
        let address = lease.address;
        self.wake = (now + LONGEST_WAIT).min(end);
        self.state = State::Rebinding { lease, since };
        vec![self.send(MessageType::Request, |m| _ = m.set_ciaddr(address), Ipv4Addr::BROADCAST)]
    }

    fn bind(&mut self, now: Millis, lease: Lease, old: Option<Lease>) -> Vec<Action> {
        self.wake = now + part(&lease, 1, 2);
        self.state = State::Bound { lease: lease.clone(), since: now };
        let moved = old.filter(|o| (o.address, o.prefix) != (lease.address, lease.prefix)).map(Action::Unconfigure);
        moved.into_iter().chain([Action::Configure(lease)]).collect()
    }

    fn start_over(&mut self, now: Millis, lost: Option<Lease>) -> Vec<Action> {
        self.state = State::Selecting { tries: 0 };
        // Not at once: a server that refuses every request must not be asked in a loop.
        self.wake = now + FIRST_WAIT;
        lost.map(Action::Unconfigure).into_iter().collect()
    }

    fn send(&self, kind: MessageType, more: impl FnOnce(&mut Message), to: Ipv4Addr) -> Action {
        let zero = Ipv4Addr::UNSPECIFIED;
        let mut message = Message::new_with_id(self.transaction, zero, zero, zero, zero, &self.mac);
        // Answers must reach a link that has no address yet.
        message.set_flags(Flags::default().set_broadcast());
        message.opts_mut().insert(DhcpOption::MessageType(kind));
        message.opts_mut().insert(DhcpOption::ParameterRequestList(WANTED.to_vec()));
        message.opts_mut().insert(DhcpOption::ClientIdentifier([&[1], &self.mac[..]].concat()));
        more(&mut message);
        // A message made from these parts always encodes.
        Action::Send(message.to_vec().unwrap_or_default(), to)
    }

    /// Kind and lease of a server's answer to our question.
    fn answer(&self, bytes: &[u8]) -> Option<(MessageType, Option<Lease>)> {
        let message = Message::from_bytes(&plain(bytes)?).ok()?;
        let ours = message.opcode() == Opcode::BootReply && message.xid() == self.transaction && message.chaddr() == self.mac;
        let kind = message.opts().msg_type().filter(|_| ours)?;
        Some((kind, lease_in(&message)))
    }
}

/// Header of a BOOTP message before its options, in bytes (RFC 2131, figure 1), and what stands between.
const HEADER: usize = 236;
const COOKIE: [u8; 4] = [99, 130, 83, 99];

/// The packet with nothing in it but what we use, each option of a length it may have.
///
/// The codec panics on an address length above 16 and on some options of a wrong length; whoever is on the network could send those.
fn plain(bytes: &[u8]) -> Option<Vec<u8>> {
    let (header, options) = bytes.split_at_checked(HEADER)?;
    let mut rest = options.strip_prefix(&COOKIE)?;
    if header[2] != 6 {
        return None;
    }
    // The server's name and boot file are not for us.
    let mut out = [&header[..44], &[0; HEADER - 44], &COOKIE].concat();
    loop {
        rest = match *rest {
            [] | [255, ..] => break,
            [0, ref more @ ..] => more,
            [code, length, ref more @ ..] => {
                let (value, after) = more.split_at_checked(usize::from(length))?;
                if may_have(code, value.len()) {
                    out.extend([code, length].iter().chain(value));
                }
                after
            }
            [_] => return None,
        };
    }
    out.push(255);
    Some(out)
}

/// Whether we use this option and it may have this length (RFC 2132).
fn may_have(code: u8, length: usize) -> bool {
    match code {
        1 | 51 | 54 => length == 4,
        3 | 6 => length > 0 && length.is_multiple_of(4),
        12 | 15 => length > 0,
        26 => length == 2,
        53 => length == 1,
        _ => false,
    }
}

const WANTED: [OptionCode; 7] = [
    OptionCode::SubnetMask,
    OptionCode::Router,
    OptionCode::DomainNameServer,
    OptionCode::DomainName,
    OptionCode::Hostname,
    OptionCode::InterfaceMtu,
    OptionCode::AddressLeaseTime,
];

fn backoff(tries: u32) -> Millis {
    (FIRST_WAIT << tries.min(8)).min(LONGEST_WAIT)
}

/// A part of the lease's time, in milliseconds.
fn part(lease: &Lease, numerator: u64, denominator: u64) -> Millis {
    u64::from(lease.seconds) * 1_000 * numerator / denominator
}

/// The lease in an offer or acknowledgement, if it makes sense.
fn lease_in(message: &Message) -> Option<Lease> {
    let opts = message.opts();
    let address = Some(message.yiaddr()).filter(|a| is_usable(*a))?;
    let Some(DhcpOption::ServerIdentifier(server)) = opts.get(OptionCode::ServerIdentifier) else { return None };
    let Some(DhcpOption::AddressLeaseTime(seconds)) = opts.get(OptionCode::AddressLeaseTime) else { return None };
    let mut lease = Lease {
        address,
        prefix: 24,
        router: None,
        name_servers: vec![],
        domain: None,
        host_name: None,
        mtu: None,
        server: *server,
        seconds: (*seconds).max(SHORTEST_LEASE),
    };
    for (_, option) in opts.iter() {
        match option {
            DhcpOption::SubnetMask(mask) => lease.prefix = prefix_of(*mask)?,
            DhcpOption::Router(routers) => lease.router = routers.first().copied().filter(|r| is_usable(*r)),
            DhcpOption::DomainNameServer(servers) => lease.name_servers.clone_from(servers),
            DhcpOption::DomainName(domain) => lease.domain = Some(domain.clone()),
            DhcpOption::Hostname(name) => lease.host_name = Some(name.clone()),
            // 576 is what every host must take (RFC 791); a smaller one would break more than it mends.
            DhcpOption::InterfaceMtu(mtu) => lease.mtu = Some(*mtu).filter(|m| *m >= 576),
            _ => {}
        }
    }
    Some(lease)
}

fn is_usable(address: Ipv4Addr) -> bool {
    !(address.is_unspecified() || address.is_loopback() || address.is_multicast() || address.is_broadcast())
}

fn prefix_of(mask: Ipv4Addr) -> Option<u8> {
    let bits = u32::from(mask);
    let ones = bits.leading_ones();
    (bits.count_ones() == ones && ones > 0).then(|| u8::try_from(ones).ok()).flatten()
}

#[cfg(test)]
#[path = "dhcp_tests.rs"]
mod tests;
