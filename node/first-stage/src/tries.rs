//! Boot counters in file names (UAPI.1 Boot Loader Specification, "Boot counting"): `NAME+LEFT[-DONE].efi` or `.conf`.

/// Tries that are left in one name; 0 in one without a counter.
pub(crate) fn left(name: &str) -> u64 {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let counter = stem.rsplit_once('+').map_or("", |(_, counter)| counter);
    let left = counter.split_once('-').map_or(counter, |(left, _)| left);
    left.parse().unwrap_or(0)
}

/// Whether the loader spent a try, given all that were left before and after it. If it did not, it started what has no counter, or has used it up, and would do so again
/// after a start anew: without end.
pub(crate) fn is_spent(before: Option<u64>, after: Option<u64>) -> bool {
    before.zip(after).is_some_and(|(before, after)| after < before)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ampoule_update::loader::{Counter, entry_name, image_name};
    use proptest::prelude::*;
    use semver::Version;

    #[test]
    fn names() {
        for (name, tries) in [
            ("ampoule_1.2.3.efi", 0),
            ("ampoule_1.2.3+3.efi", 3),
            ("ampoule_1.2.3+2-1.efi", 2),
            ("ampoule_1.2.3+0-3.efi", 0),
            ("ampoule_1.2.3.parameters+1-2.conf", 1),
            ("other+12.EFI", 12),
            ("", 0),
            (".", 0),
            ("+", 0),
            ("x+-1.efi", 0),
            ("x+99999999999999999999999.efi", 0),
        ] {
            assert_eq!(left(name), tries, "{name}");
        }
    }

    #[test]
    fn only_a_try_less_is_a_reason_to_start_anew() {
        assert!(is_spent(Some(3), Some(2)) && is_spent(Some(1), Some(0)));
        for (before, after) in [(Some(3), Some(3)), (Some(0), Some(0)), (Some(2), Some(3)), (None, Some(0)), (Some(3), None), (None, None)]
        {
            assert!(!is_spent(before, after), "{before:?} {after:?}");
        }
    }

    proptest! {
        /// The names that a node gives are understood as it means them.
        #[test]
        fn the_names_of_a_node_are_understood(major in 0_u64..100, minor in 0_u64..100, tries in 0_u32..10, done in 0_u32..10, counted: bool) {
            let version = Version::new(major, minor, 0);
            let counter = counted.then_some(Counter { left: tries, done });
            let wanted = if counted { u64::from(tries) } else { 0 };
            prop_assert_eq!(left(&image_name(&version, counter)), wanted);
            prop_assert_eq!(left(&entry_name(&version, counter)), wanted);
        }
    }
}
