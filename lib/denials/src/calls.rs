//! System calls whose refusal to a workload is on record. The others, programs try as a matter of course.

use std::{collections::BTreeMap, sync::LazyLock};

use serde::Deserialize;

const LIST: &str = include_str!("../../../policy/recorded-calls.json");
/// `AUDIT_ARCH_X86_64` (linux/audit.h), the only machine whose numbers the list has.
const X86_64: u32 = 0xc000_003e;
/// x32's mark in a call's number (arch/x86/include/uapi/asm/unistd.h): the same call by another way in.
const X32: u32 = 0x4000_0000;

/// Names by number. A test reads the list, so it is never empty.
static CALLS: LazyLock<BTreeMap<u32, String>> = LazyLock::new(|| {
    let list: List = serde_json::from_str(LIST).unwrap_or_default();
    list.calls.into_iter().map(|entry| (entry.number, entry.call)).collect()
});

/// The list as written; who reviews it reads more in it.
#[derive(Default, Deserialize)]
struct List {
    calls: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    call: String,
    number: u32,
}

/// Name of a call that is on record when it is refused.
pub(crate) fn recorded(number: u32, architecture: u32) -> Option<&'static str> {
    let known = || CALLS.get(&(number & !X32)).map(String::as_str);
    (architecture == X86_64).then(known)?
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_entry_is_whole_and_there_once() {
        let list: serde_json::Value = serde_json::from_str(LIST).expect("a list");
        let entries = list["calls"].as_array().expect("entries");
        assert!(entries.iter().all(|entry| entry["why"].as_str().is_some_and(|why| why.len() > 8)), "an entry has no reason");
        let names: BTreeSet<&str> = entries.iter().filter_map(|entry| entry["call"].as_str()).collect();
        assert_eq!((names.len(), CALLS.len()), (entries.len(), entries.len()), "a name or a number is there twice");
    }

    #[test]
    fn calls_are_known_by_number_and_machine() {
        assert_eq!(recorded(165, X86_64), Some("mount"));
        assert_eq!(recorded(X32 | 321, X86_64), Some("bpf"));
        // Of another machine; `clone3`, which every program tries.
        assert_eq!((recorded(165, 0x4000_0003), recorded(435, X86_64)), (None, None));
    }
}
