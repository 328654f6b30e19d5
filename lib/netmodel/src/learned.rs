//! What the routers of a link announced and still holds: the DNS Server List and DNS Search List of RFC 8106, 6.

use crate::dhcp::Millis;
use crate::ndisc::{Announcement, Content};
use crate::resolver::is_domain;
use serde::{Deserialize, Serialize};
use std::net::Ipv6Addr;

/// Entries of each list. The resolver uses 3 and 6; whoever floods the link makes us keep no more than this.
const MAX_ENTRIES: usize = 8;
/// The lifetime that means for ever (RFC 8106, 5.1).
const FOR_EVER: u32 = u32::MAX;

/// Name servers and search domains of one link, in the order they were first heard.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Learned {
    servers: Vec<(Ipv6Addr, Millis)>,
    domains: Vec<(String, Millis)>,
}

impl Learned {
    /// Takes in an announcement: new entries come to the end, known ones get the new lifetime, a lifetime of 0 takes them away.
    pub fn take(&mut self, now: Millis, announcement: &Announcement) {
        self.expire(now);
        let until = match announcement.lifetime {
            FOR_EVER => Millis::MAX,
            seconds => now.saturating_add(Millis::from(seconds) * 1_000),
        };
        match &announcement.content {
            Content::Servers(servers) => servers.iter().for_each(|s| note(&mut self.servers, s, now, until)),
            Content::Domains(domains) => domains.iter().for_each(|d| note(&mut self.domains, d, now, until)),
        }
    }

    /// Forgets what is over.
    pub fn expire(&mut self, now: Millis) {
        self.servers.retain(|(_, until)| *until > now);
        self.domains.retain(|(_, until)| *until > now);
    }

    /// Name servers in force.
    pub fn servers(&self) -> impl Iterator<Item = Ipv6Addr> {
        self.servers.iter().map(|(server, _)| *server)
    }

    /// Search domains in force.
    pub fn domains(&self) -> impl Iterator<Item = &str> {
        self.domains.iter().map(|(domain, _)| domain.as_str())
    }

    /// Whether this could have been learned: for what was read from a file.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.servers.len() <= MAX_ENTRIES && self.domains.len() <= MAX_ENTRIES && self.domains().all(is_domain)
    }
}

fn note<T: PartialEq + Clone>(list: &mut Vec<(T, Millis)>, item: &T, now: Millis, until: Millis) {
    if until <= now {
        return list.retain(|(known, _)| known != item);
    }
    if let Some(entry) = list.iter_mut().find(|(known, _)| known == item) {
        entry.1 = until;
        return;
    }
    if list.len() == MAX_ENTRIES {
        // RFC 8106, 6.2: the one that would end first makes room.
        let first = list.iter().enumerate().min_by_key(|(_, (_, until))| *until).map_or(0, |(at, _)| at);
        list.remove(first);
    }
    list.push((item.clone(), until));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(number: u16) -> Ipv6Addr {
        Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, number)
    }

    fn of_servers(lifetime: u32, numbers: &[u16]) -> Announcement {
        Announcement { link: 2, lifetime, content: Content::Servers(numbers.iter().copied().map(server).collect()) }
    }

    fn numbers(learned: &Learned) -> Vec<u16> {
        learned.servers().map(|s| s.segments()[7]).collect()
    }

    #[test]
    fn entries_live_as_long_as_announced() {
        let mut learned = Learned::default();
        learned.take(0, &of_servers(10, &[1, 2]));
        learned.take(0, &Announcement { link: 2, lifetime: FOR_EVER, content: Content::Domains(vec!["a.example".into()]) });
        learned.take(5_000, &of_servers(10, &[2, 3]));
        assert_eq!(numbers(&learned), [1, 2, 3], "the order stays, so that the file does not flap");
        learned.expire(10_000);
        assert_eq!(numbers(&learned), [2, 3]);
        learned.take(11_000, &of_servers(0, &[2]));
        assert_eq!(numbers(&learned), [3]);
        learned.expire(15_000);
        assert!(numbers(&learned).is_empty());
        assert_eq!(learned.domains().collect::<Vec<_>>(), ["a.example"]);
    }

    #[test]
    fn a_flood_keeps_what_lasts_longest() {
        let mut learned = Learned::default();
        learned.take(0, &of_servers(3_600, &[1]));
        for number in 2..2_000 {
            learned.take(0, &of_servers(60, &[number]));
        }
        assert_eq!(numbers(&learned).len(), MAX_ENTRIES);
        assert_eq!(numbers(&learned)[0], 1);
        assert!(learned.is_sound());
    }
}
