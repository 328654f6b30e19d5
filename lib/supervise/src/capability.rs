//! Sets of Linux capabilities, as service files write them.

use ampoule_base::Capability;
use serde::{Deserialize, Deserializer, de::Error};

/// A set of capabilities.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Capabilities(u64);

impl Capabilities {
    /// Whether the capability of this number is in the set.
    #[must_use]
    pub fn has(self, number: u8) -> bool {
        self.0 >> number & 1 == 1
    }

    /// As the kernel writes a set: the capability of number N is bit N.
    #[must_use]
    pub fn bits(self) -> u64 {
        self.0
    }

    /// Numbers the kernel may know that are not in the set.
    pub fn absent(self) -> impl Iterator<Item = u8> {
        (0..64).filter(move |n| !self.has(*n))
    }

    fn from_names(names: &[String]) -> Result<Self, String> {
        if names == ["all"] {
            return Ok(Self(u64::MAX));
        }
        names.iter().try_fold(Self::default(), |set, name| {
            let one: Capability = name.parse().map_err(|error| format!("{error}: write it like `net-admin`, or `all` alone"))?;
            Ok(Self(set.0 | 1 << one.number()))
        })
    }
}

impl<'de> Deserialize<'de> for Capabilities {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::from_names(&Vec::<String>::deserialize(from)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_kernels() {
        let set = Capabilities::from_names(&["net-admin".to_owned(), "bpf".to_owned()]).expect("known");
        assert!(set.has(12) && set.has(39) && !set.has(21));
        assert_eq!(set.absent().count(), 62);
    }

    #[test]
    fn unknown_names_are_refused() {
        assert!(Capabilities::from_names(&["net_admin".to_owned()]).is_err());
        assert!(Capabilities::from_names(&["all".to_owned(), "bpf".to_owned()]).is_err());
    }
}
