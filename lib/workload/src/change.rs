//! What a new set of workloads means for the one that runs.

use std::collections::BTreeMap;

use crate::{Workload, Workloads};

/// What must happen to one workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// New, or enabled again: start it.
    Start,
    /// Its container must be made anew.
    Replace,
    /// Its process lives on; ports, restart policy or limits of the disk change around it.
    Adjust,
    /// Stop it, keep knowing it.
    Disable,
    /// Stop it and forget it.
    Remove,
}

/// The changes by workload name. A workload that is not named is not touched.
pub type Plan = BTreeMap<String, Change>;

/// What leads from `old` to `new`.
pub fn plan(old: &Workloads, new: &Workloads) -> Plan {
    let gone = old.keys().filter(|name| !new.contains_key(*name)).map(|name| (name.clone(), Change::Remove));
    let changed = new.iter().filter_map(|(name, workload)| change(old.get(name), workload).map(|change| (name.clone(), change)));
    gone.chain(changed).collect()
}

/// What must happen to one workload that was `old` and shall be `new`; `None`: nothing.
pub fn change(old: Option<&Workload>, new: &Workload) -> Option<Change> {
    match old {
        Some(old) if old == new => None,
        Some(old) if !old.enabled && !new.enabled => Some(Change::Adjust),
        _ if !new.enabled => Some(Change::Disable),
        Some(old) if !old.enabled => Some(Change::Start),
        Some(old) if old.container_digest() == new.container_digest() => Some(Change::Adjust),
        Some(_) => Some(Change::Replace),
        None => Some(Change::Start),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{RestartPolicy, workload::tests::example};

    fn named(entries: &[(&str, Workload)]) -> Workloads {
        entries.iter().map(|(name, workload)| ((*name).to_owned(), workload.clone())).collect()
    }

    fn edited(edit: impl FnOnce(&mut Workload)) -> Workload {
        let mut workload = example();
        edit(&mut workload);
        workload
    }

    #[test]
    fn only_the_changed_one_is_named() {
        let old = named(&[("a", example()), ("b", example())]);
        let new = named(&[("a", example()), ("b", edited(|w| w.image.push('2')))]);
        assert_eq!(plan(&old, &new), Plan::from([("b".to_owned(), Change::Replace)]));
    }

    #[test]
    fn each_kind_of_change() {
        let off = edited(|w| w.enabled = false);
        let never = edited(|w| w.restart = RestartPolicy::Never);
        assert_eq!(change(None, &example()), Some(Change::Start));
        assert_eq!(change(None, &off), Some(Change::Disable));
        assert_eq!(change(Some(&example()), &off), Some(Change::Disable));
        assert_eq!(change(Some(&off), &example()), Some(Change::Start));
        assert_eq!(change(Some(&example()), &never), Some(Change::Adjust));
        assert_eq!(plan(&named(&[("a", example())]), &Workloads::new())["a"], Change::Remove);
    }

    fn any_workload() -> impl Strategy<Value = Workload> {
        ("[ab]", any::<bool>(), 0u16..3).prop_map(|(image, enabled, port)| {
            edited(|w| {
                w.image = image;
                w.enabled = enabled;
                w.publish = (0..port).filter_map(|p| format!("{}:80", p + 1).parse().ok()).collect();
            })
        })
    }

    fn any_workloads() -> impl Strategy<Value = Workloads> {
        proptest::collection::btree_map("[a-e]", any_workload(), 0..5)
    }

    proptest! {
        #[test]
        fn names_exactly_what_differs(old in any_workloads(), new in any_workloads()) {
            let plan = plan(&old, &new);
            for name in old.keys().chain(new.keys()) {
                prop_assert_eq!(plan.contains_key(name), old.get(name) != new.get(name), "{}", name);
            }
        }

        #[test]
        fn nothing_to_do_for_the_same(workloads in any_workloads()) {
            prop_assert!(plan(&workloads, &workloads).is_empty());
        }
    }
}
