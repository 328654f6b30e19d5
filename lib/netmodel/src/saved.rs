//! What a link's task leaves for its next life: a file that only this daemon writes, and that is still not believed blindly.

use crate::dhcp::{Held, Millis};
use crate::learned::Learned;
use crate::lease::is_usable;
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;

/// Longest file, in bytes: a lease with the longest lists is far below.
pub const MAX_BYTES: usize = 16 * 1024;

/// A link's lease and announcements. Times are of the clock that runs since the machine started, so a file of another boot must not be read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Saved {
    /// The link's hardware address: its name may belong to another card now.
    pub mac: [u8; 6],
    /// The lease, if there is one.
    pub held: Option<Held>,
    /// What routers announced.
    pub learned: Learned,
}

impl Saved {
    /// Reads what was saved for the link of address `mac`; `None`: damaged, of another link or of a time to come. What is over is left out.
    #[must_use]
    pub fn parse(bytes: &[u8], mac: [u8; 6], now: Millis) -> Option<Self> {
        let text = Some(bytes).filter(|b| b.len() <= MAX_BYTES)?;
        let mut saved: Self = serde_json::from_slice(text).ok()?;
        let is_sound = saved.held.as_ref().is_none_or(|h| h.lease.is_sound() && h.since <= now) && saved.learned.is_sound();
        if saved.mac != mac || !is_sound {
            return None;
        }
        saved.held = saved.held.filter(|h| h.rest(now).is_some());
        saved.learned.expire(now);
        Some(saved)
    }

    /// The file's content.
    #[must_use]
    pub fn render(&self) -> Vec<u8> {
        // Plain values always serialise.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// What is known of a link after the machine was started anew: the clock of the lease is gone with the boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remembered {
    /// As in [`Saved`].
    pub mac: [u8; 6],
    /// The address it had last.
    pub address: Ipv4Addr,
}

impl Remembered {
    /// Reads the address that the link of address `mac` had; `None`: damaged, of another link or none that a server gives.
    #[must_use]
    pub fn parse(bytes: &[u8], mac: [u8; 6]) -> Option<Ipv4Addr> {
        let text = Some(bytes).filter(|b| b.len() <= MAX_BYTES)?;
        let read: Self = serde_json::from_slice(text).ok()?;
        Some(read.address).filter(|address| read.mac == mac && is_usable(*address))
    }

    /// The file's content.
    #[must_use]
    pub fn render(&self) -> Vec<u8> {
        // Plain values always serialise.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dhcp::Lease;
    use crate::ndisc::{Announcement, Content};
    use proptest::prelude::*;

    const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];

    fn saved() -> Saved {
        let lease = Lease {
            address: [10, 0, 2, 15].into(),
            prefix: 24,
            router: Some([10, 0, 2, 2].into()),
            name_servers: vec![[10, 0, 2, 3].into()],
            domain: Some("lan".into()),
            host_name: None,
            mtu: Some(1500),
            server: [10, 0, 2, 2].into(),
            seconds: 100,
        };
        let mut learned = Learned::default();
        learned.take(0, &Announcement { link: 2, lifetime: 50, content: Content::Servers(vec!["fec0::3".parse().expect("address")]) });
        Saved { mac: MAC, held: Some(Held { lease, since: 1_000 }), learned }
    }

    #[test]
    fn what_was_saved_comes_back_as_long_as_it_holds() {
        let bytes = saved().render();
        assert_eq!(Saved::parse(&bytes, MAC, 2_000), Some(saved()));
        let later = Saved::parse(&bytes, MAC, 60_000).expect("still good");
        assert_eq!((later.held.is_some(), later.learned), (true, Learned::default()));
        assert_eq!(Saved::parse(&bytes, MAC, 101_000).and_then(|s| s.held), None);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let good = String::from_utf8(saved().render()).expect("text");
        assert_eq!(Saved::parse(good.as_bytes(), [9; 6], 2_000), None, "another card");
        assert_eq!(Saved::parse(good.as_bytes(), MAC, 999), None, "from the future");
        let changes = [
            (r#""address":"10.0.2.15""#, r#""address":"127.0.0.1""#),
            (r#""prefix":24"#, r#""prefix":33"#),
            (r#""prefix":24"#, r#""prefix":0"#),
            (r#""mtu":1500"#, r#""mtu":10"#),
            (r#""router":"10.0.2.2""#, r#""router":"0.0.0.0""#),
            (r#""mac""#, r#""extra":1,"mac""#),
        ];
        for (from, to) in changes {
            let bad = good.replace(from, to);
            assert_ne!(bad, good, "{from} is not in {good}");
            assert_eq!(Saved::parse(bad.as_bytes(), MAC, 2_000), None, "{to}");
        }
        assert_eq!(Saved::parse(&good.as_bytes()[..good.len() / 2], MAC, 2_000), None);
        assert_eq!(Saved::parse(format!("{good}{}", " ".repeat(MAX_BYTES)).as_bytes(), MAC, 2_000), None);
    }

    #[test]
    fn an_address_is_remembered_for_its_own_card() {
        let bytes = Remembered { mac: MAC, address: [10, 0, 2, 15].into() }.render();
        assert_eq!(Remembered::parse(&bytes, MAC), Some([10, 0, 2, 15].into()));
        assert_eq!(Remembered::parse(&bytes, [9; 6]), None);
        assert_eq!(Remembered::parse(&bytes[..bytes.len() - 1], MAC), None);
        for address in [[127, 0, 0, 1], [0, 0, 0, 0], [255, 255, 255, 255], [224, 0, 0, 1]] {
            let bytes = Remembered { mac: MAC, address: address.into() }.render();
            assert_eq!(Remembered::parse(&bytes, MAC), None, "{address:?}");
        }
    }

    proptest! {
        #[test]
        fn damage_is_survived(at in 0usize..400, byte: u8, now: u64) {
            let mut bytes = saved().render();
            let at = at % bytes.len();
            bytes[at] = byte;
            if let Some(saved) = Saved::parse(&bytes, MAC, now) {
                prop_assert!(saved.held.is_none_or(|h| h.since <= now && h.lease.is_sound()));
            }
        }
    }
}
