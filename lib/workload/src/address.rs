//! Which address each workload gets on the node's bridge.

use std::{collections::BTreeMap, net::Ipv4Addr};

use serde::{Deserialize, Serialize};

/// Addresses given to workloads, by name. An entry stays until it is released, so a workload keeps
/// its address over restarts and over a restart of `hostd`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leases {
    leases: BTreeMap<String, Ipv4Addr>,
}

/// The node's own network for workloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet {
    /// The bridge's address, which is the workloads' router.
    pub gateway: Ipv4Addr,
    /// Length of the network's prefix, 8 to 30.
    pub prefix: u8,
}

impl Subnet {
    /// The network address.
    pub fn network(&self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.gateway) & self.mask())
    }

    fn mask(&self) -> u32 {
        u32::MAX << (32 - u32::from(self.prefix.clamp(8, 30)))
    }

    /// Every address a workload may have, lowest first.
    fn hosts(&self) -> impl Iterator<Item = Ipv4Addr> {
        let first = u32::from(self.network()) + 1;
        let last = (u32::from(self.network()) | !self.mask()) - 1;
        let gateway = u32::from(self.gateway);
        (first..=last).filter(move |address| *address != gateway).map(Ipv4Addr::from)
    }

    fn has_host(&self, address: Ipv4Addr) -> bool {
        let is_edge = address == self.network() || u32::from(address) == u32::from(self.network()) | !self.mask();
        u32::from(address) & self.mask() == u32::from(self.network()) && !is_edge && address != self.gateway
    }
}

impl Leases {
    /// The address of `name`, giving it the lowest free one if it has none. `None`: the network is full.
    pub fn assign(&mut self, name: &str, subnet: &Subnet) -> Option<Ipv4Addr> {
        if let Some(address) = self.leases.get(name) {
            return Some(*address);
        }
        let free = subnet.hosts().find(|address| !self.leases.values().any(|taken| taken == address))?;
        self.leases.insert(name.to_owned(), free);
        Some(free)
    }

    /// Forgets the address of `name`.
    pub fn release(&mut self, name: &str) {
        self.leases.remove(name);
    }

    /// The address of `name`, if it has one.
    pub fn get(&self, name: &str) -> Option<Ipv4Addr> {
        self.leases.get(name).copied()
    }

    /// Drops what a file that was written by something else could hold: addresses outside the
    /// network and addresses given twice.
    pub fn keep_valid(&mut self, subnet: &Subnet) {
        let mut seen = std::collections::BTreeSet::new();
        self.leases.retain(|_, address| subnet.has_host(*address) && seen.insert(*address));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const SMALL: Subnet = Subnet { gateway: Ipv4Addr::new(10, 88, 0, 1), prefix: 28 };

    #[test]
    fn first_address_follows_the_gateway() {
        assert_eq!(Leases::default().assign("a", &SMALL), Some(Ipv4Addr::new(10, 88, 0, 2)));
    }

    #[test]
    fn a_full_network_says_so() {
        let mut leases = Leases::default();
        let given = (0..20).filter_map(|n| leases.assign(&format!("w{n}"), &SMALL)).count();
        assert_eq!(given, 13);
    }

    #[test]
    fn strange_leases_are_dropped() {
        let text = r#"{"leases":{"a":"10.88.0.2","b":"10.88.0.2","c":"8.8.8.8","d":"10.88.0.1","e":"10.88.0.15"}}"#;
        let mut leases: Leases = serde_json::from_str(text).expect("valid");
        leases.keep_valid(&SMALL);
        assert_eq!(leases.leases.keys().collect::<Vec<_>>(), ["a"]);
    }

    proptest! {
        #[test]
        fn never_gives_an_address_twice(steps in proptest::collection::vec((0u8..20, any::<bool>()), 0..200)) {
            let mut leases = Leases::default();
            for (number, keep) in steps {
                let name = format!("w{number}");
                let before = leases.get(&name);
                if keep {
                    let got = leases.assign(&name, &SMALL);
                    prop_assert!(before.is_none() || before == got, "an address moved");
                } else {
                    leases.release(&name);
                }
                let distinct: BTreeSet<_> = leases.leases.values().collect();
                prop_assert_eq!(distinct.len(), leases.leases.len());
                prop_assert!(leases.leases.values().all(|a| SMALL.has_host(*a)));
            }
        }
    }
}
