//! What keeps one workload from another: a number of its own, and what follows from it.
//!
//! The number is both the workload's pair of SELinux categories and its range of user ids, so that nothing can give two
//! workloads one without the other. It stays with the name over restarts and reboots: files on DATA carry the pair.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// How many workloads can have a number at once. More than the addresses of any node are used for; the last range of ids ends below 2³¹,
/// above which programs with signed ids go wrong.
pub const MAX_ISOLATIONS: u16 = 16_384;
/// Ids of one workload: what images count on (`nobody` is 65534).
const IDS: u32 = 65_536;
/// First id of the first range; users of the node itself are far below.
const FIRST_ID: u32 = 524_288;
/// Largest `isolations.json` that is read, in bytes: [`MAX_ISOLATIONS`] of the longest names.
pub const MAX_ISOLATIONS_BYTES: u64 = 2 * 1024 * 1024;

/// A workload's number, below [`MAX_ISOLATIONS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Isolation(u16);

/// A number that is none.
#[derive(Debug, thiserror::Error)]
#[error("{0} is not below {MAX_ISOLATIONS}")]
pub struct NotANumber(u16);

impl TryFrom<u16> for Isolation {
    type Error = NotANumber;

    fn try_from(number: u16) -> Result<Self, Self::Error> {
        if number < MAX_ISOLATIONS { Ok(Self(number)) } else { Err(NotANumber(number)) }
    }
}

impl From<Isolation> for u16 {
    fn from(isolation: Isolation) -> Self {
        isolation.0
    }
}

/// Ids of the node that stand for the ids from 0 on in a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdRange {
    /// What 0 inside is on the node.
    pub first: u32,
    /// How many there are.
    pub size: u32,
}

impl Isolation {
    /// Two different categories, the smaller first; another number has another pair, and no pair holds another.
    pub fn categories(self) -> (u16, u16) {
        let (mut larger, mut before) = (1, 0);
        // Pairs in the order (0,1) (0,2) (1,2) (0,3) …: below a larger category there are as many as it has numbers under it.
        while before + larger <= self.0 {
            before += larger;
            larger += 1;
        }
        (self.0 - before, larger)
    }

    /// The level of its processes and of the files that are its alone, as SELinux prints it: `s0:c1,c2`.
    pub fn level(self) -> String {
        let (smaller, larger) = self.categories();
        format!("s0:c{smaller},c{larger}")
    }

    /// Its ids on the node.
    pub fn ids(self) -> IdRange {
        IdRange { first: FIRST_ID + u32::from(self.0) * IDS, size: IDS }
    }
}

/// Who has which number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Isolations {
    numbers: BTreeMap<String, Isolation>,
}

impl Isolations {
    /// The number of `name`, giving it one if it has none: one that nobody has or, when all were given, one of a name that is not `in_use`.
    /// A removed workload keeps its number until then, because its volumes stay. `None`: all are in use.
    pub fn assign(&mut self, name: &str, in_use: &BTreeSet<String>) -> Option<Isolation> {
        if let Some(number) = self.numbers.get(name) {
            return Some(*number);
        }
        let taken: BTreeSet<Isolation> = self.numbers.values().copied().collect();
        let free = (0..MAX_ISOLATIONS).map(Isolation).find(|number| !taken.contains(number));
        let number = free.or_else(|| self.take_back(in_use))?;
        self.numbers.insert(name.to_owned(), number);
        Some(number)
    }

    fn take_back(&mut self, in_use: &BTreeSet<String>) -> Option<Isolation> {
        let name = self.numbers.keys().find(|name| !in_use.contains(*name))?.clone();
        self.numbers.remove(&name)
    }

    /// The number of `name`, if it has one.
    pub fn get(&self, name: &str) -> Option<Isolation> {
        self.numbers.get(name).copied()
    }

    /// Takes over what containers of an earlier life have. They are right where the file differs: they run. Two names with one number,
    /// which only a damaged file could hold, are one name with it: the running one, else the first.
    pub fn learn(&mut self, running: &BTreeMap<String, Isolation>) {
        self.numbers.extend(running.iter().map(|(name, number)| (name.clone(), *number)));
        let mut seen: BTreeSet<Isolation> = running.values().copied().collect();
        self.numbers.retain(|name, number| running.contains_key(name) || seen.insert(*number));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn first_numbers() {
        let pairs: Vec<_> = (0..4).map(|n| Isolation(n).categories()).collect();
        assert_eq!(pairs, [(0, 1), (0, 2), (1, 2), (0, 3)]);
        assert_eq!(Isolation(2).level(), "s0:c1,c2");
        assert_eq!(Isolation(1).ids(), IdRange { first: 589_824, size: 65_536 });
    }

    #[test]
    fn no_two_numbers_share_a_pair_or_an_id() {
        let all: Vec<_> = (0..MAX_ISOLATIONS).map(Isolation).collect();
        assert_eq!(all.iter().map(|n| n.categories()).collect::<BTreeSet<_>>().len(), all.len());
        assert!(all.iter().all(|n| n.categories().0 < n.categories().1 && n.categories().1 < 1024));
        assert!(all.windows(2).all(|two| two[0].ids().first + two[0].ids().size == two[1].ids().first));
        let last = all[all.len() - 1].ids();
        assert!(last.first.checked_add(last.size).is_some_and(|end| end <= 1 << 31));
    }

    #[test]
    fn a_full_list_takes_from_the_unused_alone() {
        let mut all = Isolations { numbers: (0..MAX_ISOLATIONS).map(|n| (format!("w{n}"), Isolation(n))).collect() };
        let everyone: BTreeSet<String> = all.numbers.keys().cloned().collect();
        assert_eq!(all.assign("new", &everyone), None);
        let mut but_one = everyone.clone();
        but_one.remove("w7");
        assert_eq!(all.assign("new", &but_one), Some(Isolation(7)));
        assert_eq!((all.get("w7"), all.numbers.len()), (None, usize::from(MAX_ISOLATIONS)));
    }

    #[test]
    fn what_runs_is_right() {
        let text = r#"{"a":1,"b":1,"c":2,"d":3}"#;
        let mut all: Isolations = serde_json::from_str(text).expect("valid");
        all.learn(&BTreeMap::from([("c".to_owned(), Isolation(3))]));
        let expected: Isolations = serde_json::from_str(r#"{"a":1,"c":3}"#).expect("valid");
        assert_eq!(all, expected);
        assert!(serde_json::from_str::<Isolations>(r#"{"a":16384}"#).is_err());
    }

    proptest! {
        /// Over any life: who is in use keeps its number, and nobody else has it.
        #[test]
        fn a_number_in_use_is_nobody_elses(steps in proptest::collection::vec((0u8..30, any::<bool>(), any::<bool>()), 0..200)) {
            let (mut all, mut running) = (Isolations::default(), BTreeMap::new());
            for (which, start, restart) in steps {
                let name = format!("w{which}");
                if start {
                    let in_use: BTreeSet<String> = running.keys().cloned().collect();
                    let number = all.assign(&name, &in_use).expect("room");
                    prop_assert!(running.insert(name, number).is_none_or(|before| before == number));
                } else {
                    running.remove(&name);
                }
                if restart {
                    // The file is lost; the containers are not.
                    all = Isolations::default();
                    all.learn(&running);
                }
                let distinct: BTreeSet<_> = running.values().collect();
                prop_assert_eq!(distinct.len(), running.len());
                prop_assert!(running.iter().all(|(name, number)| all.get(name) == Some(*number)));
            }
        }
    }
}
