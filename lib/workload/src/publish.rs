//! Published ports: `"HOSTPORT:PORT[/tcp|udp]"`.

use std::{collections::BTreeSet, fmt, net::Ipv4Addr, num::NonZeroU16, str::FromStr};

use ampoule_base::{Invalid, text_conversions};
use serde::{Deserialize, Serialize};

/// One port of the node that leads to a port of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Publish {
    /// Port on every address of the node.
    pub host: NonZeroU16,
    /// Port inside the container.
    pub container: NonZeroU16,
    /// Transport protocol of both.
    pub protocol: Protocol,
}

/// Transport protocol of a published port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// TCP, the default.
    Tcp,
    /// UDP.
    Udp,
}

const ALLOWED: &str = "HOSTPORT:PORT, maybe with /tcp or /udp behind it, and ports from 1 to 65535";

impl FromStr for Publish {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| Invalid::quoting(text, "is not HOSTPORT:PORT[/tcp|udp] with ports from 1 to 65535", ALLOWED))
    }
}

fn parse(text: &str) -> Option<Publish> {
    let (ports, protocol) = match text.split_once('/') {
        None | Some((_, "tcp")) => (text.split('/').next()?, Protocol::Tcp),
        Some((ports, "udp")) => (ports, Protocol::Udp),
        Some(_) => return None,
    };
    let (host, container) = ports.split_once(':')?;
    Some(Publish { host: host.parse().ok()?, container: container.parse().ok()?, protocol })
}

text_conversions!(Publish);

impl fmt::Display for Publish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}/{}", self.host, self.container, self.protocol)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
        })
    }
}

/// A published port together with the container behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// The workload's name.
    pub name: String,
    /// The ports.
    pub publish: Publish,
    /// The container's address.
    pub address: Ipv4Addr,
}

/// The ports to forward, in order; a port asked for twice goes to the first that asked
/// and is named in the second list.
pub fn forwards(wanted: impl IntoIterator<Item = Forward>) -> (Vec<Forward>, Vec<Forward>) {
    let mut taken = BTreeSet::new();
    wanted.into_iter().partition(|forward| taken.insert((forward.publish.host, forward.publish.protocol)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints() {
        let publish: Publish = "8080:80".parse().expect("valid");
        assert_eq!(publish.to_string(), "8080:80/tcp");
        assert_eq!("53:53/udp".parse::<Publish>().expect("valid").protocol, Protocol::Udp);
        assert_eq!("1:2/tcp".parse::<Publish>().expect("valid").to_string(), "1:2/tcp");
    }

    #[test]
    fn refuses_what_is_not_two_ports() {
        for text in ["", "80", "0:80", "80:0", "70000:80", "80:80/sctp", "a:b", "80:80/tcp/udp", "80:80:80"] {
            assert!(text.parse::<Publish>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_port_has_one_receiver_per_protocol() {
        let forward = |text: &str, last: u8| Forward {
            name: last.to_string(),
            publish: text.parse().expect("valid"),
            address: Ipv4Addr::new(10, 88, 0, last),
        };
        let (kept, refused) = forwards([forward("80:1", 2), forward("80:2", 3), forward("80:3/udp", 4)]);
        assert_eq!(kept, [forward("80:1", 2), forward("80:3/udp", 4)]);
        assert_eq!(refused, [forward("80:2", 3)]);
    }
}
