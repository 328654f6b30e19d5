//! Whether the services that a change touches are as they should be.

use ampoule_confirm::Health;
use ampoule_initctl::{Phase, ServiceStatus};
use std::collections::BTreeMap;

/// What is known of a service from before it was told.
#[derive(Debug, Clone, Copy, Default)]
struct Baseline {
    /// How often it had been started again by itself; `None`: not looked at yet.
    restarts: Option<u32>,
    /// It was not well then, so that it is not the change's doing if it is not now. Without this nothing could be changed about a broken service but what mends it at once.
    was_unwell: bool,
    /// It did not run because somebody had stopped it.
    was_stopped: bool,
}

/// The services that the generation on trial touches.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watch(BTreeMap<String, Baseline>);

impl Watch {
    /// Adds services that are about to be told. `before`: how they are now.
    pub(crate) fn add<'a>(&mut self, services: impl Iterator<Item = &'a str>, before: &[ServiceStatus]) {
        for name in services {
            let baseline = find(before, name).map_or_else(Baseline::default, |s| Baseline {
                restarts: Some(s.restarts),
                was_unwell: is_unwell(s.phase),
                was_stopped: s.phase == Phase::Stopped,
            });
            self.0.entry(name.to_owned()).or_insert(baseline);
        }
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How they are. Bad news first: one that failed counts more than one that is on its way.
    pub(crate) fn judge(&mut self, now: &[ServiceStatus]) -> Health {
        let all: Vec<Health> = self.0.iter_mut().map(|(name, baseline)| one(name, baseline, find(now, name))).collect();
        let failed = all.iter().find(|h| matches!(h, Health::Failed { .. }));
        let settling = all.iter().find(|h| matches!(h, Health::Settling { .. }));
        failed.or(settling).cloned().unwrap_or(Health::Ready)
    }

    /// When `init` cannot be asked: nothing is known.
    pub(crate) fn unknown(&self) -> Health {
        self.0.keys().next().map_or(Health::Ready, |service| Health::Settling { service: service.clone() })
    }
}

fn one(name: &str, baseline: &mut Baseline, status: Option<&ServiceStatus>) -> Health {
    let failed = |what: &str| Health::Failed { service: name.to_owned(), what: what.to_owned() };
    let Some(status) = status else { return failed("is not on this node any more") };
    let before = *baseline.restarts.get_or_insert(status.restarts);
    match status.phase {
        _ if baseline.was_unwell => Health::Ready,
        _ if status.restarts > before => failed("ended by itself and was started again"),
        Phase::BackingOff => failed("ended by itself"),
        Phase::Failed => failed("has failed"),
        Phase::Stopped if !baseline.was_stopped => failed("was stopped"),
        Phase::Waiting | Phase::Starting | Phase::Stopping => Health::Settling { service: name.to_owned() },
        Phase::Running | Phase::Done | Phase::Stopped => Health::Ready,
    }
}

fn is_unwell(phase: Phase) -> bool {
    matches!(phase, Phase::BackingOff | Phase::Failed)
}

fn find<'a>(all: &'a [ServiceStatus], name: &str) -> Option<&'a ServiceStatus> {
    all.iter().find(|s| s.name.as_str() == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ampoule_supervise::message::Name;

    fn status(phase: Phase, restarts: u32) -> Vec<ServiceStatus> {
        vec![ServiceStatus { name: Name::new("netd").expect("a name"), phase, pid: 1, restarts, since_ms: 0, ready_ms: 0 }]
    }

    fn watch(before: &[ServiceStatus]) -> Watch {
        let mut watch = Watch::default();
        watch.add(["netd"].into_iter(), before);
        watch
    }

    #[test]
    fn ready_settling_failed() {
        let mut netd = watch(&status(Phase::Running, 3));
        assert_eq!(netd.judge(&status(Phase::Running, 3)), Health::Ready);
        assert!(matches!(netd.judge(&status(Phase::Starting, 3)), Health::Settling { .. }));
        for (phase, restarts) in [(Phase::Failed, 3), (Phase::BackingOff, 4), (Phase::Running, 4), (Phase::Stopped, 3)] {
            assert!(matches!(netd.judge(&status(phase, restarts)), Health::Failed { .. }), "{phase:?}");
        }
        assert!(matches!(netd.judge(&[]), Health::Failed { .. }));
    }

    #[test]
    fn a_service_that_was_unwell_before_is_not_held_against_the_change() {
        assert_eq!(watch(&status(Phase::BackingOff, 9)).judge(&status(Phase::BackingOff, 12)), Health::Ready);
        assert_eq!(watch(&status(Phase::Stopped, 0)).judge(&status(Phase::Stopped, 0)), Health::Ready);
    }

    #[test]
    fn after_a_start_what_was_before_is_not_known_and_failing_counts() {
        let mut netd = watch(&[]);
        assert!(matches!(netd.judge(&status(Phase::Waiting, 2)), Health::Settling { .. }));
        assert_eq!(netd.judge(&status(Phase::Running, 2)), Health::Ready);
        assert!(matches!(netd.judge(&status(Phase::Running, 3)), Health::Failed { .. }));
        assert!(matches!(watch(&[]).judge(&status(Phase::BackingOff, 2)), Health::Failed { .. }));
    }
}
