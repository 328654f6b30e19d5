//! What to do about one sysctl: from what it was before settings touched it, what is wanted and what it is.

use std::collections::BTreeMap;

use crate::{check_sysctl_value, protected_sysctl, sysctl_path};

/// Values from before settings touched them, by path below `/proc/sys`.
pub type Originals = BTreeMap<String, String>;

/// What is wanted, by path below `/proc/sys`, and what is refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Path and value.
    pub values: BTreeMap<String, String>,
    /// Key as written and why it has no effect.
    pub refused: Vec<(String, String)>,
}

impl Wanted {
    /// Sorts what settings say. The API server has checked it all before; it is checked again here, where it acts.
    #[must_use]
    pub fn new(sysctl: &BTreeMap<String, String>) -> Self {
        let mut wanted = Self::default();
        for (key, value) in sysctl {
            match wanted.check(key, value) {
                Ok(path) => drop(wanted.values.insert(path, value.trim().to_owned())),
                Err(reason) => wanted.refused.push((key.clone(), reason)),
            }
        }
        wanted
    }

    fn check(&self, key: &str, value: &str) -> Result<String, String> {
        let path = sysctl_path(key)?;
        if let Some(reason) = protected_sysctl(key) {
            return Err(format!("no setting may change it: {reason}"));
        }
        check_sysctl_value(key, value)?;
        match self.values.get(&path).filter(|other| !same(other, value)) {
            Some(other) => Err(format!("another spelling of the same key asks for {other:?}")),
            None => Ok(path),
        }
    }
}

/// What to do about one path, in this order: keep `original`, write `write`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The record of the time before: kept while a setting holds the value, gone once it is given back.
    pub original: Option<String>,
    /// What to write, if anything.
    pub write: Option<String>,
}

/// Decides about one path. `current` is `None` for an entry that can only be written: it has no value to go back to.
#[must_use]
pub fn decide(original: Option<&str>, wanted: Option<&str>, current: Option<&str>) -> Change {
    let unlike_current = |value: &&str| current.is_none_or(|current| !same(current, value));
    match wanted {
        Some(_) => Change {
            original: original.or(current).map(|value| value.trim().to_owned()),
            write: wanted.filter(unlike_current).map(str::to_owned),
        },
        None => Change { original: None, write: original.filter(unlike_current).map(str::to_owned) },
    }
}

/// Whether the kernel would print both alike: it separates several numbers by tabs, people by blanks.
fn same(a: &str, b: &str) -> bool {
    a.split_whitespace().eq(b.split_whitespace())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn table(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
        entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn wishes_are_sorted() {
        let wanted = Wanted::new(&table(&[
            ("net.ipv4.ip_forward", "1"),
            ("kernel.modprobe", "/x"),
            ("kernel/kptr_restrict", "0"),
            ("a//b", "1"),
            ("vm.max_map_count", "1"),
            ("vm/max_map_count", "2"),
        ]));
        assert_eq!(wanted.values, table(&[("net/ipv4/ip_forward", "1"), ("vm/max_map_count", "1")]));
        let refused: Vec<&str> = wanted.refused.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(refused, ["a//b", "kernel.modprobe", "kernel/kptr_restrict", "vm/max_map_count"]);
    }

    #[test]
    fn numbers_apart_by_tabs_are_the_same() {
        assert_eq!(decide(None, Some("1 2"), Some("1\t2\n")), Change { original: Some("1\t2".into()), write: None });
        assert_eq!(decide(None, Some("1"), None), Change { original: None, write: Some("1".into()) });
        assert_eq!(decide(None, None, Some("1")), Change { original: None, write: None });
    }

    proptest! {
        /// A kernel with three entries, settings that come and go, and other programs that write before and never after.
        #[test]
        fn values_are_as_wanted_and_return_in_the_end(start in prop::array::uniform3(0u8..4), steps in prop::collection::vec(prop::array::uniform3(prop::option::of(0u8..4)), 0..12)) {
            let text = |n: u8| n.to_string();
            let mut kernel = start.map(text);
            let mut originals: [Option<String>; 3] = [None, None, None];
            for wanted in steps.into_iter().chain([[None; 3]]) {
                for at in 0..3 {
                    let wish = wanted[at].map(text);
                    let change = decide(originals[at].as_deref(), wish.as_deref(), Some(&kernel[at]));
                    originals[at] = change.original;
                    if let Some(value) = change.write {
                        prop_assert_ne!(&value, &kernel[at], "written for nothing");
                        kernel[at] = value;
                    }
                    prop_assert_eq!(&kernel[at], &wish.unwrap_or_else(|| text(start[at])));
                }
            }
            prop_assert_eq!(originals, [None, None, None]);
        }

        #[test]
        fn what_is_wanted_is_never_protected(keys in prop::collection::btree_map("(kernel|fs|vm)[./](modprobe|core_pattern|suid_dumpable|x)", "[0-9]{1,2}", 0..6)) {
            for (path, value) in Wanted::new(&keys).values {
                prop_assert!(protected_sysctl(&path).is_none() && check_sysctl_value(&path, &value).is_ok());
            }
        }
    }
}
