//! Packets as bytes, with sums that are right: what is wrong with them is what they say.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Numbers of protocols over IP; the last is for experiments (RFC 3692).
pub(crate) const ICMP: u8 = 1;
pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
pub(crate) const EXPERIMENT: u8 = 253;
const ICMP6: u8 = 58;

/// What an IPv4 packet (RFC 791) says about itself.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) from: Ipv4Addr,
    pub(crate) to: Ipv4Addr,
    pub(crate) protocol: u8,
    /// Flags and place of a fragment.
    pub(crate) fragment: u16,
    /// A multiple of four bytes.
    pub(crate) options: Vec<u8>,
}

impl Head {
    pub(crate) fn new(from: Ipv4Addr, to: Ipv4Addr, protocol: u8) -> Self {
        Self { from, to, protocol, fragment: 0, options: Vec::new() }
    }

    /// The packet with this in it.
    pub(crate) fn with(&self, body: &[u8]) -> Vec<u8> {
        let length = 20 + self.options.len();
        let words = u8::try_from(length / 4).unwrap_or(5);
        let mut head = vec![0x40 | words, 0];
        head.extend(u16::try_from(length + body.len()).unwrap_or(u16::MAX).to_be_bytes());
        head.extend(0x4553u16.to_be_bytes());
        head.extend(self.fragment.to_be_bytes());
        head.extend([64, self.protocol, 0, 0]);
        head.extend(self.from.octets());
        head.extend(self.to.octets());
        head.extend(&self.options);
        let sum = sum(&[&head]);
        head[10..12].copy_from_slice(&sum.to_be_bytes());
        head.extend(body);
        head
    }
}

/// The source route of a packet (RFC 791, 3.1, "loose"): on to this address from where it arrives, padded.
pub(crate) fn on_to(address: Ipv4Addr) -> Vec<u8> {
    [&[131, 7, 4][..], &address.octets(), &[0]].concat()
}

/// RFC 768, without a sum.
pub(crate) fn udp(from: u16, to: u16, text: &[u8]) -> Vec<u8> {
    let length = u16::try_from(8 + text.len()).unwrap_or(8);
    [&from.to_be_bytes()[..], &to.to_be_bytes(), &length.to_be_bytes(), &[0, 0], text].concat()
}

/// A first segment with text in it (RFC 9293).
pub(crate) fn syn(from: (Ipv4Addr, u16), to: (Ipv4Addr, u16), text: &[u8]) -> Vec<u8> {
    let mut segment = [&from.1.to_be_bytes()[..], &to.1.to_be_bytes(), &[0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 4, 0, 0, 0, 0, 0], text].concat();
    let length = u16::try_from(segment.len()).unwrap_or(20).to_be_bytes();
    let sum = sum(&[&from.0.octets(), &to.0.octets(), &[0, TCP], &length, &segment]);
    segment[16..18].copy_from_slice(&sum.to_be_bytes());
    segment
}

/// "Are you there?" (RFC 792).
pub(crate) fn echo(text: &[u8]) -> Vec<u8> {
    let mut message = [&[8, 0, 0, 0, 0, 7, 0, 1][..], text].concat();
    let sum = sum(&[&message]);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    message
}

/// A packet of ICMP over IPv6 that comes from this link (hop limit 255).
pub(crate) fn icmp6(from: Ipv6Addr, to: Ipv6Addr, message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).unwrap_or(8).to_be_bytes();
    let mut message = message.to_owned();
    let sum = sum(&[&from.octets(), &to.octets(), &[0, 0], &length, &[0, 0, 0, ICMP6], &message]);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    [&[0x60, 0, 0, 0][..], &length, &[ICMP6, 255], &from.octets(), &to.octets(), &message].concat()
}

/// A router's word (RFC 4861, 4.2): it is a way out for half an hour, and whoever hears it may make an address of this prefix of 64 bits.
pub(crate) fn advertisement(prefix: Ipv6Addr) -> Vec<u8> {
    let day = 86_400u32.to_be_bytes();
    [&[134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0, 3, 4, 64, 0xc0][..], &day, &day, &[0; 4], &prefix.octets()].concat()
}

/// The internet's sum (RFC 1071) over parts of which all but the last have an even length.
fn sum(parts: &[&[u8]]) -> u16 {
    let words = parts.iter().flat_map(|part| part.chunks(2)).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: Ipv4Addr = Ipv4Addr::new(10, 88, 0, 2);
    const TO: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

    /// A sum over what has a right sum is nothing.
    #[test]
    fn sums_are_right() {
        let packet = Head { options: on_to(TO), ..Head::new(FROM, TO, UDP) }.with(&udp(1, 2, b"odd"));
        assert_eq!(sum(&[&packet[..28]]), 0);
        assert_eq!((packet[0], packet.len()), (0x47, 28 + 8 + 3));
        let segment = syn((FROM, 1), (TO, 80), b"odd");
        assert_eq!(sum(&[&FROM.octets(), &TO.octets(), &[0, TCP, 0, 23], &segment]), 0);
        assert_eq!(sum(&[&echo(b"text")]), 0);
    }

    #[test]
    fn a_routers_word_has_one_prefix() {
        let (from, all) = (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1), Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1));
        let packet = icmp6(from, all, &advertisement(Ipv6Addr::new(0x2001, 0xdb8, 0x666, 0, 0, 0, 0, 0)));
        assert_eq!((packet.len(), packet[40], packet[56], packet[57]), (40 + 48, 134, 3, 4));
        assert_eq!(sum(&[&packet[8..40], &[0, 48, 0, ICMP6], &packet[40..]]), 0);
    }
}
