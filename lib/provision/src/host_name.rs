//! Names for a node that nobody named.

use ampoule_base::HostName;
use std::net::IpAddr;

/// The name in EC2's `local-hostname`. A network with several domains gives several names between blanks: the first is the node's.
#[must_use]
pub fn from_metadata(text: &str) -> Option<HostName> {
    usable(text.split_ascii_whitespace().next()?)
}

/// A name from elsewhere if it is one and says more than "this machine".
#[must_use]
pub fn usable(text: &str) -> Option<HostName> {
    let name = text.trim_end_matches('.').to_ascii_lowercase();
    let says_nothing = name == "localhost" || name.starts_with("localhost.") || name.ends_with(".arpa");
    if says_nothing { None } else { name.parse().ok() }
}

/// `ip-10-0-0-7` for 10.0.0.7, as EC2 names its instances; IPv6 in full, so that no part is empty.
#[must_use]
pub fn from_address(address: IpAddr) -> Option<HostName> {
    let parts: Vec<String> = match address {
        IpAddr::V4(address) => address.octets().iter().map(ToString::to_string).collect(),
        IpAddr::V6(address) => address.segments().iter().map(|segment| format!("{segment:x}")).collect(),
    };
    format!("ip-{}", parts.join("-")).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_from_elsewhere() {
        let name = |text| from_metadata(text).map(String::from);
        assert_eq!(name("ip-10-0-0-7.ec2.internal\n").as_deref(), Some("ip-10-0-0-7.ec2.internal"));
        assert_eq!(name("IP-1.a.example ip-1.b.example").as_deref(), Some("ip-1.a.example"));
        for bad in ["", " ", "localhost", "localhost.localdomain", "<html>", "a_b", "7.0.0.10.in-addr.arpa."] {
            assert_eq!(name(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_address_makes_a_name() {
        let name = |text: &str| from_address(text.parse().expect("address")).map(String::from);
        assert_eq!(name("10.0.2.15").as_deref(), Some("ip-10-0-2-15"));
        assert_eq!(name("fd00::1").as_deref(), Some("ip-fd00-0-0-0-0-0-0-1"));
    }

    proptest! {
        #[test]
        fn every_address_makes_a_name(bits in any::<u128>(), four in any::<u32>()) {
            prop_assert!(from_address(std::net::Ipv6Addr::from(bits).into()).is_some());
            prop_assert!(from_address(std::net::Ipv4Addr::from(four).into()).is_some());
        }
    }
}
