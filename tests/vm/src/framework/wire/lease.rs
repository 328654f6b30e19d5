//! The stranger as a DHCP server (RFC 2131): what it is asked, and what it says.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use dhcproto::v4::{DhcpOption, Message, MessageType, Opcode};
use dhcproto::{Decodable as _, Encodable as _};

use super::{
    NODE_V4, STRANGER_V4, Wire,
    frame::{datagram, payload_to},
};

const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(STRANGER_V4), 67);
const CLIENT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::BROADCAST), 68);
/// Where the number of a question stands in a message, and whose it is.
const NUMBER: std::ops::Range<usize> = 4..8;
const CARD: std::ops::Range<usize> = 28..34;

/// Seconds: longer than any test.
pub(crate) const DAY: u32 = 86_400;

/// What a node asked for an address with.
pub(crate) struct Discovered(Message);

impl Discovered {
    /// Bytes that a server might have sent, as if they were the answer: the number and the card are those of the question, where there is room for them.
    pub(crate) fn answered_with(&self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_owned();
        if let Some(place) = bytes.get_mut(NUMBER) {
            place.copy_from_slice(&self.0.xid().to_be_bytes());
        }
        if let Some(place) = bytes.get_mut(CARD) {
            place.copy_from_slice(&self.0.chaddr()[..CARD.len()]);
        }
        datagram(SERVER, CLIENT, &bytes)
    }

    /// An answer as it should be: [`NODE_V4`] for so many seconds, in a network without a way out.
    pub(crate) fn answer(&self, kind: MessageType, seconds: u32) -> Result<Vec<u8>> {
        self.answer_with(NODE_V4, kind, seconds)
    }

    fn answer_with(&self, address: Ipv4Addr, kind: MessageType, seconds: u32) -> Result<Vec<u8>> {
        let zero = Ipv4Addr::UNSPECIFIED;
        let mut message = Message::new_with_id(self.0.xid(), zero, address, zero, zero, self.0.chaddr());
        message.set_opcode(Opcode::BootReply).set_flags(self.0.flags());
        let options = message.opts_mut();
        options.insert(DhcpOption::MessageType(kind));
        options.insert(DhcpOption::ServerIdentifier(STRANGER_V4));
        options.insert(DhcpOption::SubnetMask(Ipv4Addr::new(255, 255, 0, 0)));
        options.insert(DhcpOption::AddressLeaseTime(seconds));
        Ok(message.to_vec()?)
    }

    /// Whether who asks has this address and wants to keep it (RFC 2131, 4.3.2).
    pub(crate) fn renews(&self, address: Ipv4Addr) -> bool {
        self.kind() == Some(MessageType::Request) && self.0.ciaddr() == address
    }

    fn kind(&self) -> Option<MessageType> {
        self.0.opts().msg_type()
    }
}

impl Wire {
    /// Waits for a question of the node's.
    pub(crate) fn is_asked_for_an_address(&self, limit: Duration) -> Result<Discovered> {
        let end = Instant::now() + limit;
        while let Some(frame) = self.next(end)? {
            let message = payload_to(&frame, SERVER.port()).and_then(|bytes| Message::from_bytes(&bytes).ok());
            if let Some(message) = message {
                return Ok(Discovered(message));
            }
        }
        None.context("the node does not ask for an address")
    }

    /// Gives the node [`NODE_V4`] for longer than any test.
    pub(crate) fn gives_an_address(&self, limit: Duration) -> Result<()> {
        self.gives_an_address_for(DAY, limit).map(drop)
    }

    /// Gives the node [`NODE_V4`] for so many seconds; the question that this answers in the end.
    pub(crate) fn gives_an_address_for(&self, seconds: u32, limit: Duration) -> Result<Discovered> {
        self.gives(NODE_V4, seconds, limit)
    }

    /// Gives the node this address for so many seconds, in a network of 16 bits without a way out; the question that this answers in the end.
    pub(crate) fn gives(&self, address: Ipv4Addr, seconds: u32, limit: Duration) -> Result<Discovered> {
        let end = Instant::now() + limit;
        loop {
            let asked = self.is_asked_for_an_address(end.saturating_duration_since(Instant::now()))?;
            let granted = asked.kind() == Some(MessageType::Request);
            // One that asks for another address, offered by nobody, is refused.
            let wants = |option: &DhcpOption| *option == DhcpOption::RequestedIpAddress(address);
            let right = asked.renews(address) || asked.0.opts().iter().any(|(_, option)| wants(option));
            let kind = match (granted, right) {
                (false, _) => MessageType::Offer,
                (true, true) => MessageType::Ack,
                (true, false) => MessageType::Nak,
            };
            self.send(&asked.answered_with(&asked.answer_with(address, kind, seconds)?))?;
            if kind == MessageType::Ack {
                return Ok(asked);
            }
        }
    }
}
