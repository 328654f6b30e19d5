//! What to do about the boot loader's entry that carries boot parameters.
//!
//! The loader tries an entry as often as its name allows and then goes back to the image's own command line, so parameters
//! that keep a node from starting undo themselves. An entry that brought the node up gets rid of its counter.

/// Starts that a new entry gets before the loader falls back, as for a new image.
pub const TRIES: u32 = 3;

/// The entry as it lies on the boot partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The words it adds.
    pub parameters: String,
    /// Starts left; `None`: it has proven itself.
    pub tries_left: Option<u32>,
}

/// What is known when it is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootState<'a> {
    /// The words that settings ask for; empty for none.
    pub wanted: &'a str,
    /// The words that the running kernel was given beyond the image's own.
    pub running: &'a str,
    /// The entry, if there is one that can be used as it is.
    pub entry: Option<Entry>,
    /// The words for which the node was rebooted last, or that it had when it needed no reboot.
    pub settled: Option<&'a str>,
    /// Whether to reboot so that they take effect.
    pub reconcile: bool,
    /// Whether the image itself still counts its boots. An entry without a counter would then start a bad image for ever, so it keeps
    /// its own until the image is good; whoever finds the image good takes both off.
    pub on_trial: bool,
}

/// What to do with the entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryStep {
    /// It is right.
    Keep,
    /// There shall be none.
    Remove,
    /// There shall be one with the wanted words and this counter.
    Write(Option<u32>),
}

/// What a person is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The kernel runs with what is wanted.
    InEffect,
    /// The next boot will.
    AtNextBoot,
    /// The node is rebooted now for it.
    Reboot,
    /// The node did not come up with them, so it runs without.
    GivenUp,
    /// A boot was made for them and it went by another entry.
    NotTaken,
}

/// What to do, in this order: the entry, the record, the reboot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootStep {
    /// The entry.
    pub entry: EntryStep,
    /// Record the wanted words as settled: durably, before a reboot.
    pub settle: bool,
    /// What comes of it.
    pub verdict: Verdict,
}

/// Decides. At most one reboot is made for one wish: it is recorded before, and what is recorded is not rebooted for again.
#[must_use]
pub fn decide_boot(state: &BootState) -> BootStep {
    let fitting = state.entry.as_ref().filter(|entry| entry.parameters == state.wanted);
    let settled = state.settled == Some(state.wanted);
    if state.running == state.wanted {
        return BootStep { entry: proven(state, fitting), settle: !settled, verdict: Verdict::InEffect };
    }
    if !state.wanted.is_empty() && fitting.is_some_and(|entry| entry.tries_left == Some(0)) {
        return BootStep { entry: EntryStep::Keep, settle: !settled, verdict: Verdict::GivenUp };
    }
    let entry = match fitting {
        _ if state.wanted.is_empty() => EntryStep::Remove,
        Some(_) => EntryStep::Keep,
        None => EntryStep::Write(Some(TRIES)),
    };
    let verdict = match (state.reconcile, settled) {
        (true, false) => Verdict::Reboot,
        (_, true) => Verdict::NotTaken,
        (false, false) => Verdict::AtNextBoot,
    };
    BootStep { entry, settle: verdict == Verdict::Reboot, verdict }
}

/// The entry once the node is up with what is wanted.
fn proven(state: &BootState, fitting: Option<&Entry>) -> EntryStep {
    match fitting {
        _ if state.wanted.is_empty() => EntryStep::Remove,
        Some(Entry { tries_left: None, .. }) => EntryStep::Keep,
        Some(_) if state.on_trial => EntryStep::Keep,
        None if state.on_trial => EntryStep::Write(Some(TRIES)),
        _ => EntryStep::Write(None),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn state<'a>(wanted: &'a str, running: &'a str) -> BootState<'a> {
        BootState { wanted, running, entry: None, settled: None, reconcile: true, on_trial: false }
    }

    fn entry(parameters: &str, tries_left: Option<u32>) -> Option<Entry> {
        Some(Entry { parameters: parameters.to_owned(), tries_left })
    }

    #[test]
    fn a_wish_is_written_rebooted_for_once_and_proven() {
        let first = decide_boot(&state("a", ""));
        assert_eq!(first, BootStep { entry: EntryStep::Write(Some(TRIES)), settle: true, verdict: Verdict::Reboot });
        let up = BootState { entry: entry("a", Some(2)), settled: Some("a"), ..state("a", "a") };
        assert_eq!(decide_boot(&up), BootStep { entry: EntryStep::Write(None), settle: false, verdict: Verdict::InEffect });
    }

    #[test]
    fn without_the_switch_it_waits_for_the_next_boot() {
        let quiet = BootState { reconcile: false, ..state("a", "") };
        assert_eq!(decide_boot(&quiet), BootStep { entry: EntryStep::Write(Some(TRIES)), settle: false, verdict: Verdict::AtNextBoot });
    }

    #[test]
    fn while_the_image_is_on_trial_so_is_its_entry() {
        let trial = |entry| BootState { entry, settled: Some("a"), on_trial: true, ..state("a", "a") };
        assert_eq!(decide_boot(&trial(entry("a", Some(2)))).entry, EntryStep::Keep);
        assert_eq!(decide_boot(&trial(entry("a", Some(0)))).entry, EntryStep::Keep);
        assert_eq!(decide_boot(&trial(None)).entry, EntryStep::Write(Some(TRIES)));
        assert_eq!(decide_boot(&BootState { entry: entry("a", Some(2)), on_trial: true, ..state("", "") }).entry, EntryStep::Remove);
    }

    #[test]
    fn what_does_not_start_is_given_up() {
        let down = BootState { entry: entry("a", Some(0)), settled: Some("a"), ..state("a", "") };
        assert_eq!(decide_boot(&down), BootStep { entry: EntryStep::Keep, settle: false, verdict: Verdict::GivenUp });
        let other = BootState { entry: entry("a", Some(0)), settled: Some("a"), ..state("b", "") };
        assert_eq!(decide_boot(&other).verdict, Verdict::Reboot);
    }

    /// A node: the loader, the boot partition, and kernels that start or do not.
    #[derive(Default)]
    struct Node {
        entry: Option<Entry>,
        settled: Option<String>,
        running: String,
    }

    impl Node {
        /// Boots until one kernel is up; `bad` parameters never start.
        fn boot(&mut self, bad: &str) {
            loop {
                let Some(entry) = self.entry.as_mut().filter(|entry| entry.tries_left != Some(0)) else {
                    self.running.clear();
                    return;
                };
                entry.tries_left = entry.tries_left.map(|left| left - 1);
                if entry.parameters != bad {
                    self.running = entry.parameters.clone();
                    return;
                }
            }
        }

        fn run(&mut self, wanted: &str, reconcile: bool) -> Verdict {
            let (running, settled, entry) = (self.running.clone(), self.settled.clone(), self.entry.clone());
            let step =
                decide_boot(&BootState { wanted, running: &running, entry, settled: settled.as_deref(), reconcile, on_trial: false });
            match step.entry {
                EntryStep::Keep => {}
                EntryStep::Remove => self.entry = None,
                EntryStep::Write(tries_left) => self.entry = entry_of(wanted, tries_left),
            }
            if step.settle {
                self.settled = Some(wanted.to_owned());
            }
            step.verdict
        }
    }

    fn entry_of(parameters: &str, tries_left: Option<u32>) -> Option<Entry> {
        Some(Entry { parameters: parameters.to_owned(), tries_left })
    }

    proptest! {
        #[test]
        fn one_reboot_brings_a_wish_about_and_no_wish_takes_more(wishes in prop::collection::vec((prop::sample::select(vec!["", "a", "b", "bad"]), any::<bool>()), 1..12)) {
            let mut node = Node::default();
            node.boot("bad");
            for (wanted, reconcile) in wishes {
                let mut reboots = 0;
                while node.run(wanted, reconcile) == Verdict::Reboot {
                    reboots += 1;
                    prop_assert!(reboots <= 1, "{} is rebooted for again", wanted);
                    node.boot("bad");
                }
                if reconcile && wanted != "bad" {
                    prop_assert_eq!(&node.running, wanted);
                }
                node.boot("bad");
                prop_assert_eq!(&node.running, if wanted == "bad" { "" } else { wanted }, "after a boot of its own");
                let verdict = node.run(wanted, reconcile);
                prop_assert_ne!(verdict, Verdict::Reboot);
                prop_assert_eq!(verdict == Verdict::InEffect, wanted != "bad");
            }
        }

        /// Whatever the record and the boot partition say, a wish is rebooted for once at most.
        #[test]
        fn nothing_makes_a_loop(running in "[ab]?", settled in prop::option::of("[ab]?"), kept in prop::option::of(("[ab]?", prop::option::of(0u32..4))), wanted in "[ab]?") {
            let mut node = Node { entry: kept.and_then(|(p, t)| entry_of(&p, t)), settled, running };
            let reboots = (0..6).filter(|_| node.run(&wanted, true) == Verdict::Reboot).count();
            prop_assert!(reboots <= 1);
        }
    }
}
