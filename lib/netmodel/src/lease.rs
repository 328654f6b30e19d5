//! What a DHCPv4 server grants (RFC 2132), and how it is read from a packet.

use dhcproto::v4::{DhcpOption, Message, OptionCode};
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;

/// Shortest lease taken, in seconds: a server that says less would keep us busy with nothing else.
const SHORTEST_LEASE: u32 = 60;

/// Smallest packet size taken: what every host must take (RFC 791); a smaller one would break more than it mends.
const SMALLEST_MTU: u16 = 576;

/// What a server granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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
    /// For how long, in seconds.
    pub seconds: u32,
}

impl Lease {
    /// Whether a server could have granted this: for what was read from a file.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let addresses = self.router.iter().chain([&self.address]);
        addresses.copied().all(is_usable) && (1..=32).contains(&self.prefix) && self.mtu.is_none_or(|m| m >= SMALLEST_MTU)
    }
}

/// An option of a packet holds no more bytes (RFC 2132, 2), and no more addresses.
const LONGEST_OPTION: usize = 255;
const MOST_ADDRESSES: usize = LONGEST_OPTION / 4;

impl Lease {
    /// Whether a packet could hold this.
    pub(crate) fn is_bounded(&self) -> bool {
        let mut names = self.domain.iter().chain(&self.host_name);
        self.name_servers.len() <= MOST_ADDRESSES && names.all(|name| name.len() <= LONGEST_OPTION)
    }
}

/// Header of a BOOTP message before its options, in bytes (RFC 2131, figure 1), and what stands between.
const HEADER: usize = 236;
const COOKIE: [u8; 4] = [99, 130, 83, 99];

/// The packet with nothing in it but what we use, each option of a length it may have.
///
/// The codec panics on an address length above 16 and on some options of a wrong length; whoever is on the network could send those.
pub(crate) fn plain(bytes: &[u8]) -> Option<Vec<u8>> {
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

/// What is asked for.
pub(crate) const WANTED: [OptionCode; 7] = [
    OptionCode::SubnetMask,
    OptionCode::Router,
    OptionCode::DomainNameServer,
    OptionCode::DomainName,
    OptionCode::Hostname,
    OptionCode::InterfaceMtu,
    OptionCode::AddressLeaseTime,
];

/// The lease in an offer or acknowledgement, if it makes sense.
pub(crate) fn lease_in(message: &Message) -> Option<Lease> {
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
            DhcpOption::InterfaceMtu(mtu) => lease.mtu = Some(*mtu).filter(|m| *m >= SMALLEST_MTU),
            _ => {}
        }
    }
    Some(lease)
}

pub(crate) fn is_usable(address: Ipv4Addr) -> bool {
    !(address.is_unspecified() || address.is_loopback() || address.is_multicast() || address.is_broadcast())
}

fn prefix_of(mask: Ipv4Addr) -> Option<u8> {
    let bits = u32::from(mask);
    let ones = bits.leading_ones();
    (bits.count_ones() == ones && ones > 0).then(|| u8::try_from(ones).ok()).flatten()
}
