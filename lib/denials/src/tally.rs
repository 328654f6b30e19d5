//! Denials counted, in bounded memory.

use crate::{Context, Denial, Record, Refused};

/// Most kinds of denial that are told apart.
pub const MAX_ENTRIES: usize = 512;
/// Most of them that are one source's, so that one that floods hides no other's; of refused calls as many again, so that neither hides the other.
pub const MAX_ENTRIES_OF_ONE: usize = 64;

/// Denials that differ in process, name and time alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// How often.
    pub count: u64,
    /// When it was first seen, milliseconds since 1970.
    pub first_ms: u64,
    /// The last of them.
    pub last: Denial,
}

/// All denials since the kernel started, as far as its records were read.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// The one seen last is at the end.
    entries: Vec<Counted>,
    left_out: u64,
    /// Kind and body of the record that the last entry was counted for.
    last: Option<(u16, String)>,
}

impl Tally {
    /// Counts what a record tells. Who floods makes the same record again and again, and it is read once.
    pub fn take(&mut self, record: &Record<'_>) {
        let is_again = self.last.as_ref().is_some_and(|(kind, body)| *kind == record.kind && body == record.body);
        if let Some(entry) = self.entries.last_mut().filter(|_| is_again) {
            entry.count = entry.count.saturating_add(1);
            (entry.last.time_ms, entry.last.serial) = (record.time_ms, record.serial);
        } else if let Some(denial) = record.denial() {
            self.last = self.add(denial).then(|| (record.kind, record.body.to_owned()));
        }
    }

    /// Counts one; whether it is in an entry. Names and numbers of processes make no kind of their own: an attacker chooses them.
    fn add(&mut self, denial: Denial) -> bool {
        if let Some(at) = self.entries.iter().rposition(|entry| is_same(&entry.last, &denial)) {
            let mut entry = self.entries.remove(at);
            entry.count = entry.count.saturating_add(1);
            entry.last = denial;
            self.entries.push(entry);
            return true;
        }
        let is_one = |last: &Denial| last.source == denial.source && last.is_access() == denial.is_access();
        let of_one = self.entries.iter().filter(|entry| is_one(&entry.last)).count();
        if of_one >= MAX_ENTRIES_OF_ONE {
            self.left_out = self.left_out.saturating_add(1);
            return false;
        }
        if self.entries.len() >= MAX_ENTRIES {
            let gone = self.entries.remove(0);
            self.left_out = self.left_out.saturating_add(gone.count);
        }
        self.entries.push(Counted { count: 1, first_ms: denial.time_ms, last: denial });
        true
    }

    /// Each kind, the one seen last first.
    pub fn entries(&self) -> impl Iterator<Item = &Counted> {
        self.entries.iter().rev()
    }

    /// How many denials are in no entry.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }
}

fn is_same(a: &Denial, b: &Denial) -> bool {
    let same_kind = match (&a.refused, &b.refused) {
        (
            Refused::Access { target, class, permissions, permissive, .. },
            Refused::Access { target: other, class: c, permissions: p, permissive: e, .. },
        ) => (target, class, permissions, permissive) == (other, c, p, e),
        (x, y) => x == y,
    };
    same_kind && a.source == b.source
}

impl Denial {
    /// What would allow it, in the words of who would: a rule of the policy's language (CIL), or an entry of a list of system calls. Allowing
    /// it may be a mistake; the rule says what to look at.
    pub fn rule(&self) -> String {
        match &self.refused {
            Refused::Call { name, .. } => format!("none: workloads may not call {name} so (lib/workload/src/seccomp.json)"),
            Refused::SystemCall { number, .. } => format!("system call {number} in the list of the service (policy/seccomp)"),
            Refused::Access { target, class, permissions, .. } => self.access_rule(target, class, permissions),
        }
    }

    fn is_access(&self) -> bool {
        matches!(self.refused, Refused::Access { .. })
    }

    fn access_rule(&self, target: &Context, class: &str, permissions: &[String]) -> String {
        let Some(source) = &self.source else { return String::new() };
        if !source.dominates(target) {
            return format!("none: {} does not hold the categories of {}", source.level, target.level);
        }
        let whom = if source.typ == target.typ { "self" } else { &target.typ };
        format!("(allow {} {whom} ({class} ({})))", source.typ, permissions.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn denial(source: &str, target: &str, permissions: &str, command: &str) -> Denial {
        let line = format!(
            "audit: type=1400 audit(5.0:1): avc:  denied  {{ {permissions} }} for  pid=1 comm=\"{command}\" scontext=u:r:{source} tcontext=u:r:{target} tclass=file permissive=0"
        );
        Record::of_line(&line).and_then(|record| record.denial()).expect("a denial")
    }

    #[test]
    fn rules_are_those_of_the_policy() {
        let rule = |source, target, permissions| denial(source, target, permissions, "x").rule();
        assert_eq!(rule("container_t:s0:c1,c2", "etc_t:s0", "write"), "(allow container_t etc_t (file (write)))");
        assert_eq!(rule("init_t:s0", "init_t:s0", "read write"), "(allow init_t self (file (read write)))");
        let other = rule("container_t:s0:c1,c2", "container_file_t:s0:c3,c4", "read");
        assert_eq!(other, "none: s0:c1,c2 does not hold the categories of s0:c3,c4");
    }

    fn call(number: u32, level: &str) -> Denial {
        let line = format!(
            "audit: type=1326 audit(5.0:1): subj=u:r:container_t:{level} pid=1 comm=\"x\" sig=0 arch=c000003e syscall={number} code=0x50000"
        );
        Record::of_line(&line).and_then(|record| record.denial()).expect("a denial")
    }

    #[test]
    fn no_rule_allows_what_the_list_of_workloads_refuses() {
        assert_eq!(call(165, "s0").rule(), "none: workloads may not call mount so (lib/workload/src/seccomp.json)");
    }

    #[test]
    fn what_policy_and_list_refuse_to_one_hide_each_other_not() {
        let mut tally = Tally::default();
        for n in 0..1000 {
            tally.add(denial("container_t:s0:c1,c2", &format!("t{n}_t:s0"), "read", "l"));
        }
        tally.add(call(165, "s0:c1,c2"));
        tally.add(call(165, "s0:c3,c4"));
        tally.add(call(165, "s0:c1,c2"));
        let calls: Vec<_> = tally.entries().filter(|entry| !entry.last.is_access()).map(|entry| entry.count).collect();
        assert_eq!(calls, [2, 1]);
    }

    #[test]
    fn the_same_again_is_counted_and_told_last_first() {
        let mut tally = Tally::default();
        tally.add(denial("a_t:s0", "x_t:s0", "read", "one"));
        tally.add(denial("b_t:s0", "x_t:s0", "read", "two"));
        tally.add(denial("a_t:s0", "x_t:s0", "read", "three"));
        let told: Vec<_> = tally.entries().map(|e| (e.count, e.last.command.as_str())).collect();
        assert_eq!(told, [(2, "three"), (1, "two")]);
    }

    #[test]
    fn the_same_record_again_is_counted_like_any_other() {
        let told = |serial: u64, body: &str| format!("audit(5.{serial:03}:{serial}): {body}");
        let call = |level: &str, number: u32| {
            format!("subj=u:r:container_t:{level} pid=1 comm=\"x\" sig=0 arch=c000003e syscall={number} code=0x50000")
        };
        let (mount, routine, other) = (call("s0:c1,c2", 165), call("s0:c1,c2", 435), call("s0:c3,c4", 165));
        let bodies = [&mount, &mount, &routine, &routine, &mount, &other, &mount, &mount];
        let mut tally = Tally::default();
        for (serial, body) in (1..).zip(bodies) {
            tally.take(&Record::new(1326, &told(serial, body)).expect("a record"));
        }
        // Of another kind, with the same words.
        tally.take(&Record::new(1400, &told(9, &mount)).expect("a record"));
        let counted: Vec<_> = tally.entries().map(|entry| (entry.count, entry.first_ms, entry.last.time_ms, entry.last.serial)).collect();
        assert_eq!(counted, [(5, 5001, 5008, 8), (1, 5006, 5006, 6)]);
    }

    #[test]
    fn one_that_floods_hides_nobody() {
        let mut tally = Tally::default();
        tally.add(denial("quiet_t:s0", "x_t:s0", "read", "q"));
        for n in 0..1000 {
            tally.add(denial("loud_t:s0:c1,c2", &format!("t{n}_t:s0"), "read", "l"));
        }
        assert!(tally.entries().any(|e| e.last.command == "q"));
        assert_eq!((tally.entries().count(), tally.left_out()), (1 + MAX_ENTRIES_OF_ONE, 1000 - MAX_ENTRIES_OF_ONE as u64));
    }

    proptest! {
        #[test]
        fn bounded_and_complete(steps in proptest::collection::vec((0u16..40, 0u16..200), 0..2000)) {
            let mut tally = Tally::default();
            for (source, target) in &steps {
                tally.add(denial(&format!("s{source}_t:s0"), &format!("t{target}_t:s0"), "read", "x"));
            }
            prop_assert!(tally.entries().count() <= MAX_ENTRIES);
            let counted: u64 = tally.entries().map(|e| e.count).sum();
            prop_assert_eq!(counted + tally.left_out(), steps.len() as u64);
        }
    }
}
