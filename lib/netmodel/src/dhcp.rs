//! A DHCPv4 client (RFC 2131) without sockets or clocks.
//!
//! A lease of an earlier life is asked for by name before anything else (INIT-REBOOT, 3.2 and 4.4.2). After a restart of the machine only its address is known, not how long it holds: it is
//! asked for in the same way and not used before a server says yes.
//!
//! ```text
//! Asking ──ack: Bound──nak, silence: Selecting
//! Rebooting ──ack, silence: Bound──nak, end: Selecting
//! Selecting ──offer──▶ Requesting ──ack──▶ Bound ──T1──▶ Renewing ──T2──▶ Rebinding ──end──▶ Selecting
//!     ▲                    │ nak, tries                      │ ack: Bound      │ nak: Selecting
//!     └────────────────────┴─────────────────────────────────┴─────────────────┘
//! ```

pub use crate::lease::Lease;
use crate::lease::{WANTED, lease_in, plain};
use dhcproto::v4::{DhcpOption, Flags, Message, MessageType, Opcode};
use dhcproto::{Decodable, Encodable};
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;

/// Milliseconds of a monotonic clock.
pub type Millis = u64;

/// First wait for an answer; doubles with each try (RFC 2131, 4.1).
const FIRST_WAIT: Millis = 1_000;
/// Longest wait between tries: a server that comes back is found within this.
const LONGEST_WAIT: Millis = 16_000;
/// Requests for an offer before another offer is looked for, and for a lease of an earlier life before it is used without an answer.
const REQUEST_TRIES: u32 = 4;
/// Requests for the address of an earlier boot: a server that does not know it stays silent (RFC 2131, 4.3.2), and that must not keep the link without one for long.
const ASKING_TRIES: u32 = 2;
/// Longest wait between tries to renew (RFC 2131, 4.4.5 has half of what is left, but at least this).
const RENEW_WAIT: Millis = 60_000;

/// A lease and when it began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Held {
    /// What was granted.
    pub lease: Lease,
    /// When.
    pub since: Millis,
}

impl Held {
    /// When the lease is over.
    #[must_use]
    pub fn end(&self) -> Millis {
        self.since.saturating_add(part(&self.lease, 1, 1))
    }

    /// When the server is to be asked again (T1).
    fn half(&self) -> Millis {
        self.since.saturating_add(part(&self.lease, 1, 2))
    }

    /// The lease for as long as it still holds; `None`: not a second.
    #[must_use]
    pub fn rest(&self, now: Millis) -> Option<Lease> {
        let seconds = u32::try_from(self.end().saturating_sub(now) / 1_000).ok().filter(|s| *s > 0)?;
        Some(Lease { seconds, ..self.lease.clone() })
    }
}

/// Where the client is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Rebooting { held: Held, tries: u32 },
    Asking { address: Ipv4Addr, tries: u32 },
    Selecting { tries: u32 },
    Requesting { offer: Lease, tries: u32 },
    Bound(Held),
    Renewing(Held),
    Rebinding(Held),
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

    /// A client that had a lease in an earlier life; one that is over is as none.
    #[must_use]
    pub fn resume(mac: [u8; 6], transaction: u32, held: Option<Held>, now: Millis) -> Self {
        match held.filter(|h| h.rest(now).is_some()) {
            Some(held) => Self { mac, transaction, state: State::Rebooting { held, tries: 0 }, wake: now },
            None => Self::new(mac, transaction, now),
        }
    }

    /// A client that had this address before the machine was started anew.
    #[must_use]
    pub fn remembering(mac: [u8; 6], transaction: u32, address: Ipv4Addr, now: Millis) -> Self {
        Self { state: State::Asking { address, tries: 0 }, ..Self::new(mac, transaction, now) }
    }

    /// When [`Client::wake`] is to be called next.
    #[must_use]
    pub fn next_wake(&self) -> Millis {
        self.wake
    }

    /// The lease in force and when it began.
    #[must_use]
    pub fn held(&self) -> Option<&Held> {
        match &self.state {
            State::Rebooting { held, .. } | State::Bound(held) | State::Renewing(held) | State::Rebinding(held) => Some(held),
            State::Asking { .. } | State::Selecting { .. } | State::Requesting { .. } => None,
        }
    }

    /// The lease in force.
    #[must_use]
    pub fn lease(&self) -> Option<&Lease> {
        self.held().map(|held| &held.lease)
    }

    /// A word for the status document.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self.state {
            State::Rebooting { .. } | State::Asking { .. } => "rebooting",
            State::Selecting { .. } => "selecting",
            State::Requesting { .. } => "requesting",
            State::Bound(_) => "bound",
            State::Renewing(_) => "renewing",
            State::Rebinding(_) => "rebinding",
        }
    }

    /// The link is back: the lease is asked for again, at once; until an answer comes it stays.
    pub fn carrier_returned(&mut self, now: Millis) {
        self.state = match self.held().cloned() {
            Some(held) => State::Rebinding(held),
            None => State::Selecting { tries: 0 },
        };
        self.wake = now;
    }

    /// Time passed. Does nothing before [`Client::next_wake`].
    pub fn wake(&mut self, now: Millis) -> Vec<Action> {
        if now < self.wake {
            return Vec::new();
        }
        match self.state.clone() {
            State::Rebooting { held, tries } => self.reboot(now, held, tries),
            State::Asking { address, tries } => self.ask(now, address, tries),
            State::Selecting { tries } => self.discover(now, tries),
            State::Requesting { offer, tries } => self.request(now, offer, tries),
            State::Bound(held) | State::Renewing(held) => self.renew(now, held),
            State::Rebinding(held) => self.rebind(now, held),
        }
    }

    /// A packet came: what it says is read and taken in one. A daemon has the reading done by a process without rights ([`crate::parser`]).
    pub fn packet(&mut self, now: Millis, bytes: &[u8]) -> Vec<Action> {
        answer(bytes).map(|answer| self.take(now, answer)).unwrap_or_default()
    }

    /// A server answered. An answer to another's question does nothing.
    pub fn take(&mut self, now: Millis, Answer { transaction, mac, kind, lease }: Answer) -> Vec<Action> {
        if (transaction, mac) != (self.transaction, self.mac) {
            return Vec::new();
        }
        match (kind, self.state.clone()) {
            (Kind::Offer, State::Selecting { .. }) => lease.map(|offer| self.request(now, offer, 0)).unwrap_or_default(),
            (Kind::Ack, State::Requesting { offer, .. }) => {
                lease.filter(|l| l.server == offer.server).map(|l| self.bind(now, l, None)).unwrap_or_default()
            }
            (Kind::Ack, State::Rebooting { held, .. } | State::Renewing(held) | State::Rebinding(held)) => {
                lease.map(|l| self.bind(now, l, Some(held.lease))).unwrap_or_default()
            }
            (Kind::Ack, State::Asking { address, .. }) => {
                lease.filter(|l| l.address == address).map(|l| self.bind(now, l, None)).unwrap_or_default()
            }
            (Kind::Nak, State::Requesting { .. } | State::Asking { .. }) => self.start_over(now, None),
            (Kind::Nak, State::Rebooting { held, .. } | State::Renewing(held) | State::Rebinding(held)) => {
                self.start_over(now, Some(held.lease))
            }
            _ => Vec::new(),
        }
    }

    /// Asks for the address of an earlier life by name (RFC 2131, 4.3.2). Nobody answers: it is ours until the lease ends (3.2, step 3).
    fn reboot(&mut self, now: Millis, held: Held, tries: u32) -> Vec<Action> {
        let Some(rest) = held.rest(now) else { return self.start_over(now, Some(held.lease)) };
        if tries >= REQUEST_TRIES {
            self.wake = held.half().max(now + 1);
            self.state = State::Bound(held);
            return Vec::new();
        }
        self.wake = (now + backoff(tries)).min(held.end());
        self.state = State::Rebooting { held, tries: tries + 1 };
        let address = rest.address;
        let ask = |m: &mut Message| _ = m.opts_mut().insert(DhcpOption::RequestedIpAddress(address));
        let asked = self.send(MessageType::Request, ask, Ipv4Addr::BROADCAST);
        // At first also said to the link, which may have lost it since.
        let configured = (tries == 0).then_some(Action::Configure(rest));
        configured.into_iter().chain([asked]).collect()
    }

    /// Asks for the address of an earlier boot by name; nobody answers: as if new.
    fn ask(&mut self, now: Millis, address: Ipv4Addr, tries: u32) -> Vec<Action> {
        if tries >= ASKING_TRIES {
            return self.discover(now, 0);
        }
        self.wake = now + backoff(tries);
        self.state = State::Asking { address, tries: tries + 1 };
        let ask = |m: &mut Message| _ = m.opts_mut().insert(DhcpOption::RequestedIpAddress(address));
        vec![self.send(MessageType::Request, ask, Ipv4Addr::BROADCAST)]
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

    fn renew(&mut self, now: Millis, held: Held) -> Vec<Action> {
        let rebind_at = held.since + part(&held.lease, 7, 8);
        if now >= rebind_at {
            return self.rebind(now, held);
        }
        let (address, server) = (held.lease.address, held.lease.server);
        self.wake = (now + RENEW_WAIT).min(rebind_at).max(now + 1);
        self.state = State::Renewing(held);
        vec![self.send(MessageType::Request, |m| _ = m.set_ciaddr(address), server)]
    }

    fn rebind(&mut self, now: Millis, held: Held) -> Vec<Action> {
        if now >= held.end() {
            return self.start_over(now, Some(held.lease));
        }
        let address = held.lease.address;
        self.wake = (now + LONGEST_WAIT).min(held.end());
        self.state = State::Rebinding(held);
        vec![self.send(MessageType::Request, |m| _ = m.set_ciaddr(address), Ipv4Addr::BROADCAST)]
    }

    fn bind(&mut self, now: Millis, lease: Lease, old: Option<Lease>) -> Vec<Action> {
        let held = Held { lease: lease.clone(), since: now };
        self.wake = held.half();
        self.state = State::Bound(held);
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
}

/// What a server says to a question of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// One could have this lease.
    Offer,
    /// One has it.
    Ack,
    /// One has it no longer, or never had.
    Nak,
}

/// A server's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Number of the question that it answers.
    pub transaction: u32,
    /// Whose question it was.
    pub mac: [u8; 6],
    /// What it says.
    pub kind: Kind,
    /// About which lease.
    pub lease: Option<Lease>,
}

impl Answer {
    /// Whether a server could have said this: for what another process has read.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.lease.as_ref().is_none_or(|lease| lease.is_sound() && lease.is_bounded())
    }
}

/// Reads a packet to the port of DHCP clients; `None`: it is no server's answer.
#[must_use]
pub fn answer(packet: &[u8]) -> Option<Answer> {
    let message = Message::from_bytes(&plain(packet)?).ok()?;
    let kind = match message.opts().msg_type().filter(|_| message.opcode() == Opcode::BootReply)? {
        MessageType::Offer => Kind::Offer,
        MessageType::Ack => Kind::Ack,
        MessageType::Nak => Kind::Nak,
        _ => return None,
    };
    Some(Answer { transaction: message.xid(), mac: message.chaddr().try_into().ok()?, kind, lease: lease_in(&message) })
}

fn backoff(tries: u32) -> Millis {
    (FIRST_WAIT << tries.min(8)).min(LONGEST_WAIT)
}

/// A part of the lease's time, in milliseconds.
fn part(lease: &Lease, numerator: u64, denominator: u64) -> Millis {
    u64::from(lease.seconds) * 1_000 * numerator / denominator
}

#[cfg(test)]
#[path = "dhcp_tests.rs"]
mod tests;
