//! Name servers and search domains in router advertisements (RFC 8106), as the kernel passes them on: `RTM_NEWNDUSEROPT` on route netlink (rtnetlink(7)).
//!
//! The kernel has checked checksum, hop limit and the router's link-local address (RFC 4861, 6.1.2); what is inside is still whoever's on the link.

use crate::resolver::is_domain;
use serde::{Deserialize, Serialize};
use std::net::Ipv6Addr;

/// `RTM_NEWNDUSEROPT` (linux/rtnetlink.h).
const NEW_USER_OPTION: u16 = 68;
/// `struct nlmsghdr` and `struct nduseroptmsg`, in bytes.
const MESSAGE_HEADER: usize = 16;
const OPTION_HEADER: usize = 16;
const AF_INET6: u8 = 10;
const ROUTER_ADVERTISEMENT: u8 = 134;
/// Option types (RFC 8106, 5.1 and 5.2).
const RECURSIVE_SERVERS: u8 = 25;
const SEARCH_LIST: u8 = 31;
/// Entries taken of one option; the longest option holds 127 addresses.
const MAX_ENTRIES: usize = 16;

/// One option of a router.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Announcement {
    /// Number of the link it came over.
    pub link: u32,
    /// For how long it holds, in seconds: 0 withdraws, all ones is for ever.
    pub lifetime: u32,
    /// What is announced.
    pub content: Content,
}

/// What a router announces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Content {
    /// Addresses of name servers.
    Servers(Vec<Ipv6Addr>),
    /// Domains for the search list.
    Domains(Vec<String>),
}

impl Announcement {
    /// Whether a router could have announced this: for what another process has read.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        match &self.content {
            Content::Servers(servers) => servers.len() <= MAX_ENTRIES,
            Content::Domains(domains) => domains.len() <= MAX_ENTRIES && domains.iter().all(|domain| is_domain(domain)),
        }
    }
}

/// The announcements in a datagram of the kernel's; what is no such thing, or malformed, is passed over.
#[must_use]
pub fn announcements(datagram: &[u8]) -> Vec<Announcement> {
    let mut found = Vec::new();
    let mut rest = datagram;
    while let Some((length, kind)) = message_head(rest) {
        let (message, after) = rest.split_at(length);
        if kind == NEW_USER_OPTION {
            found.extend(options_in(&message[MESSAGE_HEADER..]));
        }
        rest = after.get(length.next_multiple_of(4) - length..).unwrap_or_default();
    }
    found
}

/// Length and type of the first message; `None`: there is no whole one.
fn message_head(bytes: &[u8]) -> Option<(usize, u16)> {
    let length = usize::try_from(u32::from_ne_bytes(bytes.get(..4)?.try_into().ok()?)).ok()?;
    let kind = u16::from_ne_bytes(bytes.get(4..6)?.try_into().ok()?);
    (MESSAGE_HEADER..=bytes.len()).contains(&length).then_some((length, kind))
}

/// The options behind a `struct nduseroptmsg`.
fn options_in(payload: &[u8]) -> Vec<Announcement> {
    let Some((head, rest)) = payload.split_first_chunk::<OPTION_HEADER>() else { return Vec::new() };
    let length = usize::from(u16::from_ne_bytes([head[2], head[3]]));
    let link = u32::from_ne_bytes([head[4], head[5], head[6], head[7]]);
    if (head[0], head[8]) != (AF_INET6, ROUTER_ADVERTISEMENT) {
        return Vec::new();
    }
    let mut rest = rest.get(..length).unwrap_or_default();
    let mut found = Vec::new();
    while let Some((option, after)) = first_option(rest) {
        found.extend(announcement(link, option));
        rest = after;
    }
    found
}

/// An option says its length in units of 8 bytes (RFC 4861, 4.6); 0 would never end.
fn first_option(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = usize::from(*bytes.get(1)?) * 8;
    if length == 0 { None } else { bytes.split_at_checked(length) }
}

fn announcement(link: u32, option: &[u8]) -> Option<Announcement> {
    let (head, body) = option.split_first_chunk::<8>()?;
    let lifetime = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
    let content = match head[0] {
        RECURSIVE_SERVERS => Content::Servers(servers(body)?),
        SEARCH_LIST => Content::Domains(domains(body)?),
        _ => return None,
    };
    Some(Announcement { link, lifetime, content })
}

fn servers(body: &[u8]) -> Option<Vec<Ipv6Addr>> {
    let (addresses, odd) = body.as_chunks::<16>();
    let usable = |a: &Ipv6Addr| !(a.is_unspecified() || a.is_loopback() || a.is_multicast());
    let found: Vec<_> = addresses.iter().map(|a| Ipv6Addr::from(*a)).filter(usable).take(MAX_ENTRIES).collect();
    (odd.is_empty() && !found.is_empty()).then_some(found)
}

/// Names as in RFC 1035, 3.1, without compression, then zeros up to the option's end. One that is wrong spoils the option.
fn domains(mut body: &[u8]) -> Option<Vec<String>> {
    let mut found = Vec::new();
    while body.first().is_some_and(|first| *first != 0) && found.len() < MAX_ENTRIES {
        let (name, rest) = domain(body)?;
        found.push(name);
        body = rest;
    }
    (!found.is_empty()).then_some(found)
}

/// The first name and what is behind it.
fn domain(mut body: &[u8]) -> Option<(String, &[u8])> {
    let mut labels = Vec::new();
    loop {
        let (length, rest) = body.split_first()?;
        if *length == 0 {
            let name = labels.join(".");
            return is_domain(&name).then_some((name, rest));
        }
        let (label, rest) = rest.split_at_checked(usize::from(*length)).filter(|_| *length <= 63)?;
        labels.push(std::str::from_utf8(label).ok().filter(|l| !l.contains('.'))?);
        body = rest;
    }
}

#[cfg(test)]
#[path = "ndisc_tests.rs"]
mod tests;
