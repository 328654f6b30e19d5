//! Is this boot good? A decision from what is seen over time.

use std::collections::{BTreeMap, BTreeSet};

/// Most characters of what is wrong with a check that are part of the reason.
pub const MAX_WHY: usize = 200;

/// What must hold for a boot to be good.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Gates {
    /// Services that must be ready: those the image needs, and its variant's.
    pub services: BTreeSet<String>,
    /// Workloads that ran before the update and that settings still name.
    pub workloads: BTreeSet<String>,
    /// Names of the checks that a person declared.
    pub checks: BTreeSet<String>,
    /// Seconds that all of it must hold without a break.
    pub settle: u64,
    /// Seconds after which the boot is bad; at least `settle`.
    pub limit: u64,
}

/// What is seen at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Observation {
    /// Seconds since watching began, of a clock that nobody sets.
    pub elapsed: u64,
    /// Whether the API answered.
    pub api: bool,
    /// Settings that were not carried over from the version before, each with the reason.
    pub settings: Vec<String>,
    /// Services that are ready.
    pub services: BTreeSet<String>,
    /// Workloads that are ready.
    pub workloads: BTreeSet<String>,
    /// Outcome of each check: nothing, or what was wrong.
    pub checks: BTreeMap<String, Result<(), String>>,
}

/// What to make of a boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is not known yet; what is awaited.
    Waiting(Vec<String>),
    /// It is good.
    Good,
    /// It is bad.
    Bad {
        /// Why, for a person.
        reason: String,
    },
}

/// Watches one boot. A verdict that is not [`Verdict::Waiting`] is final.
#[derive(Debug, Clone)]
pub struct Watch {
    gates: Gates,
    now: u64,
    held_since: Option<u64>,
    verdict: Verdict,
}

impl Watch {
    /// Begins at the moment 0.
    pub fn new(gates: Gates) -> Self {
        Self { gates, now: 0, held_since: None, verdict: Verdict::Waiting(Vec::new()) }
    }

    /// Takes in what is seen. Moments that go back count as the last one.
    pub fn observe(&mut self, seen: &Observation) -> &Verdict {
        self.now = self.now.max(seen.elapsed);
        if matches!(self.verdict, Verdict::Waiting(_)) {
            self.verdict = self.decide(self.gates.awaited(seen));
        }
        &self.verdict
    }

    /// The verdict so far.
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    fn decide(&mut self, awaited: Vec<String>) -> Verdict {
        let late = self.now >= self.gates.limit.max(self.gates.settle);
        if !awaited.is_empty() {
            self.held_since = None;
            return if late { Verdict::Bad { reason: self.reason(&awaited) } } else { Verdict::Waiting(awaited) };
        }
        let since = *self.held_since.get_or_insert(self.now);
        match self.now - since >= self.gates.settle {
            true => Verdict::Good,
            false if late => {
                Verdict::Bad { reason: format!("it did not stay healthy for {} s within {} s", self.gates.settle, self.gates.limit) }
            }
            false => Verdict::Waiting(vec![format!("all is well, for {} s more", self.gates.settle - (self.now - since))]),
        }
    }

    /// At most five of what is awaited: a reason is for a person.
    fn reason(&self, awaited: &[String]) -> String {
        let more = match awaited.len().saturating_sub(5) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("after {} s: {}{more}", self.now, awaited.iter().take(5).cloned().collect::<Vec<_>>().join("; "))
    }
}

impl Gates {
    /// What does not hold.
    fn awaited(&self, seen: &Observation) -> Vec<String> {
        let api = (!seen.api).then(|| "the API does not answer".to_owned());
        let settings = seen.settings.iter().cloned();
        let services = self.services.difference(&seen.services).map(|name| format!("service {name} is not ready"));
        let workloads = self.workloads.difference(&seen.workloads).map(|name| format!("workload {name} ran before and is not ready"));
        let checks = self.checks.iter().filter_map(|name| match seen.checks.get(name) {
            Some(Ok(())) => None,
            Some(Err(why)) => Some(format!("check {name}: {}", why.chars().take(MAX_WHY).collect::<String>())),
            None => Some(format!("check {name} has not been done")),
        });
        api.into_iter().chain(settings).chain(services).chain(workloads).chain(checks).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(ToString::to_string).collect()
    }

    fn gates() -> Gates {
        Gates { services: set(&["containerd"]), workloads: set(&["web"]), checks: set(&["home"]), settle: 10, limit: 60 }
    }

    fn well(elapsed: u64) -> Observation {
        let checks = BTreeMap::from([("home".to_owned(), Ok(()))]);
        Observation { elapsed, api: true, settings: Vec::new(), services: set(&["containerd", "logd"]), workloads: set(&["web"]), checks }
    }

    #[test]
    fn good_is_what_stays_well() {
        let mut watch = Watch::new(gates());
        assert!(matches!(watch.observe(&well(5)), Verdict::Waiting(_)));
        assert!(matches!(watch.observe(&Observation { api: false, ..well(10) }), Verdict::Waiting(_)));
        assert!(matches!(watch.observe(&well(14)), Verdict::Waiting(_)), "the ten seconds begin anew");
        assert!(matches!(watch.observe(&well(23)), Verdict::Waiting(_)));
        assert_eq!(watch.observe(&well(24)), &Verdict::Good);
        assert_eq!(watch.observe(&Observation::default()), &Verdict::Good, "a verdict is final");
    }

    #[test]
    fn each_gate_counts_and_is_named() {
        let broken = [
            (Observation { api: false, ..well(60) }, "the API does not answer"),
            (Observation { settings: vec!["settings.motd: no text".to_owned()], ..well(60) }, "settings.motd: no text"),
            (Observation { services: set(&[]), ..well(60) }, "service containerd is not ready"),
            (Observation { workloads: set(&[]), ..well(60) }, "workload web ran before"),
            (Observation { checks: BTreeMap::new(), ..well(60) }, "check home has not been done"),
            (Observation { checks: BTreeMap::from([("home".to_owned(), Err("502".to_owned()))]), ..well(60) }, "check home: 502"),
        ];
        for (seen, word) in broken {
            let Verdict::Bad { reason } = Watch::new(gates()).observe(&seen).clone() else { panic!("{word}") };
            assert!(reason.contains(word), "{reason}");
        }
    }

    #[test]
    fn what_comes_and_goes_is_bad_in_the_end() {
        let mut watch = Watch::new(gates());
        for elapsed in 0..60 {
            let seen = Observation { api: elapsed % 5 != 0, ..well(elapsed) };
            assert!(matches!(watch.observe(&seen), Verdict::Waiting(_)));
        }
        assert!(matches!(watch.observe(&well(60)), Verdict::Bad { reason } if reason.contains("did not stay healthy")));
    }

    proptest! {
        /// There is a verdict by the limit, whatever is seen; good only if all held at the last look.
        #[test]
        fn it_ends(looks in prop::collection::vec((0u64..20, any::<bool>()), 0..40), settle in 0u64..30, limit in 0u64..60) {
            let mut watch = Watch::new(Gates { settle, limit, ..gates() });
            let mut elapsed = 0;
            for (step, api) in looks {
                elapsed += step;
                let before = watch.verdict().clone();
                let verdict = watch.observe(&Observation { api, ..well(elapsed) }).clone();
                prop_assert!(matches!(before, Verdict::Waiting(_)) || before == verdict);
                prop_assert!(elapsed < limit.max(settle) || !matches!(verdict, Verdict::Waiting(_)));
                prop_assert!(api || verdict != Verdict::Good || before == Verdict::Good);
            }
        }
    }
}
