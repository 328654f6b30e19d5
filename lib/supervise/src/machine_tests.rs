use super::*;
use crate::service::ServiceFile;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn file(extra: &str) -> ServiceFile {
    let head = if extra.contains("readiness") { "" } else { "readiness = \"notify\"\n" };
    ServiceFile::parse(&format!("description = \"x\"\ncommand = [\"/usr/bin/x\"]\n{head}{extra}")).expect("a service file")
}

fn machine(services: &[(&str, &str)]) -> Machine {
    let files: BTreeMap<_, _> = services.iter().map(|(n, extra)| ((*n).to_owned(), file(extra))).collect();
    let (graph, rejected) = Graph::new(files);
    assert!(rejected.is_empty(), "{rejected:?}");
    Machine::new(graph)
}

fn id(m: &Machine, name: &str) -> Id {
    m.graph().find(name).expect("in the graph")
}

#[test]
fn starts_what_requires_nothing_then_what_waited() {
    for readiness in ["notify", "socket:/run/a"] {
        let mut m = machine(&[("a", &format!("readiness = \"{readiness}\"")), ("b", "requires = [\"a\"]")]);
        let (a, b) = (id(&m, "a"), id(&m, "b"));
        assert!(m.handle(0, Event::Tick).contains(&Action::Spawn(a)));
        assert_eq!(m.state(b), State::Waiting);
        assert!(m.handle(5, Event::Ready(a)).contains(&Action::Spawn(b)), "{readiness}");
    }
}

#[test]
fn of_several_that_may_start_the_one_that_holds_up_the_most_is_first() {
    let mut m = machine(&[("a", ""), ("b", ""), ("c", "requires = [\"b\"]"), ("d", "after = [\"c\"]"), ("e", "requires = [\"a\"]")]);
    let actions = m.handle(0, Event::Tick);
    let spawns: Vec<_> = actions.iter().filter(|a| matches!(a, Action::Spawn(_))).collect();
    assert_eq!(spawns, [&Action::Spawn(id(&m, "b")), &Action::Spawn(id(&m, "a"))]);
}

#[test]
fn after_orders_but_does_not_wait_for_ready() {
    let mut m = machine(&[("a", ""), ("b", "after = [\"a\", \"absent\"]")]);
    let actions = m.handle(0, Event::Tick);
    let spawns: Vec<_> = actions.iter().filter(|a| matches!(a, Action::Spawn(_))).collect();
    assert_eq!(spawns, [&Action::Spawn(id(&m, "a")), &Action::Spawn(id(&m, "b"))]);
}

#[test]
fn what_comes_after_a_oneshot_waits_for_its_end_however_it_ends() {
    for (ok, state) in [(true, State::Done), (false, State::Failed)] {
        let mut m = machine(&[("a", "readiness = \"exit\"\n[restart]\npolicy = \"never\""), ("b", "after = [\"a\"]")]);
        let (a, b) = (id(&m, "a"), id(&m, "b"));
        m.handle(0, Event::Tick);
        assert_eq!(m.state(b), State::Waiting);
        assert!(m.handle(1, Event::Exited(a, ok)).contains(&Action::Spawn(b)));
        assert_eq!(m.state(a), state);
    }
}

#[test]
fn a_oneshot_that_ended_runs_again_when_it_shall_read_its_files_again() {
    for ok in [true, false] {
        let mut m = machine(&[("a", "readiness = \"exit\"\n[restart]\npolicy = \"never\"")]);
        let a = id(&m, "a");
        m.handle(0, Event::Tick);
        m.handle(1, Event::Exited(a, ok));
        assert!(m.handle(2, Event::Reload(a)).contains(&Action::Spawn(a)));
        m.handle(3, Event::Exited(a, true));
        assert_eq!(m.state(a), State::Done);
    }
}

#[test]
fn a_oneshot_is_done_when_it_ends_well_and_tried_again_when_not() {
    let mut m = machine(&[("a", "readiness = \"exit\""), ("b", "requires = [\"a\"]")]);
    let (a, b) = (id(&m, "a"), id(&m, "b"));
    m.handle(0, Event::Tick);
    m.handle(1, Event::Exited(a, false));
    assert_eq!(m.state(a), State::BackingOff { until: 201 });
    assert!(m.handle(201, Event::Tick).contains(&Action::Spawn(a)));
    assert!(m.handle(202, Event::Exited(a, true)).contains(&Action::Spawn(b)));
    assert_eq!(m.state(a), State::Done);
}

#[test]
fn one_that_was_ready_and_ended_well_is_done_and_holds_up_nothing_that_requires_it() {
    let mut m = machine(&[("a", "[restart]\npolicy = \"on-failure\""), ("b", "requires = [\"a\"]")]);
    let (a, b) = (id(&m, "a"), id(&m, "b"));
    m.handle(0, Event::Tick);
    m.handle(1, Event::Ready(a));
    m.handle(2, Event::Ready(b));
    m.handle(3, Event::Exited(a, true));
    assert_eq!(m.state(a), State::Done);
    m.handle(4, Event::Exited(b, false));
    assert!(m.handle(60_000, Event::Tick).contains(&Action::Spawn(b)), "{:?}", m.state(b));
    let mut early = machine(&[("a", "[restart]\npolicy = \"on-failure\""), ("b", "requires = [\"a\"]")]);
    early.handle(0, Event::Tick);
    early.handle(1, Event::Exited(a, true));
    assert_eq!((early.state(a), early.state(b)), (State::Stopped, State::Waiting), "it never got ready");
}

#[test]
fn back_off_doubles_and_begins_anew_after_a_stable_life() {
    let mut m = machine(&[("a", "readiness = \"started\"\n[restart]\ndelay = \"100ms\"\nmax-delay = \"300ms\"\nstable-after = \"10s\"")]);
    let a = id(&m, "a");
    let (mut now, mut waits) = (0, Vec::new());
    m.handle(now, Event::Tick);
    for _ in 0..4 {
        m.handle(now, Event::Exited(a, false));
        let State::BackingOff { until } = m.state(a) else { panic!("{:?}", m.state(a)) };
        waits.push(until - now);
        now = until;
        m.handle(now, Event::Tick);
    }
    assert_eq!(waits, [100, 200, 300, 300]);
    m.handle(now + 10_000, Event::Exited(a, false));
    assert_eq!(m.state(a), State::BackingOff { until: now + 10_100 });
}

#[test]
fn one_that_never_gets_ready_is_killed_and_tried_again() {
    for readiness in ["notify", "socket:/run/a"] {
        let mut m = machine(&[("a", &format!("readiness = \"{readiness}\"\nready-timeout = \"1s\"")), ("b", "requires = [\"a\"]")]);
        let (a, b) = (id(&m, "a"), id(&m, "b"));
        m.handle(0, Event::Tick);
        assert!(m.handle(1_000, Event::Tick).contains(&Action::Kill(a)));
        m.handle(1_001, Event::Exited(a, false));
        assert_eq!((m.state(b), matches!(m.state(a), State::BackingOff { .. })), (State::Waiting, true), "{readiness}");
    }
}

#[test]
fn one_that_never_gets_ready_follows_its_policy() {
    let mut m = machine(&[("a", "ready-timeout = \"1s\"\n[restart]\npolicy = \"never\"")]);
    let a = id(&m, "a");
    m.handle(0, Event::Tick);
    m.handle(1_000, Event::Tick);
    m.handle(1_001, Event::Exited(a, false));
    assert_eq!((m.state(a), m.restarts(a)), (State::Failed, 0));
}

#[test]
fn waiting_for_readiness_is_no_stable_life() {
    let mut m = machine(&[("a", "ready-timeout = \"20s\"\n[restart]\ndelay = \"100ms\"\nstable-after = \"10s\"")]);
    let a = id(&m, "a");
    let (mut now, mut waits) = (0, Vec::new());
    for _ in 0..3 {
        m.handle(now, Event::Tick);
        m.handle(now + 20_000, Event::Tick);
        m.handle(now + 20_001, Event::Exited(a, false));
        let State::BackingOff { until } = m.state(a) else { panic!("{:?}", m.state(a)) };
        waits.push(until - now - 20_001);
        now = until;
    }
    assert_eq!(waits, [100, 200, 400]);
}

#[test]
fn a_restart_asked_for_is_at_once_and_later_crashes_still_back_off() {
    let mut m = machine(&[("a", "")]);
    let a = id(&m, "a");
    m.handle(0, Event::Tick);
    m.handle(1, Event::Ready(a));
    m.handle(2, Event::Restart(a));
    assert!(m.handle(3, Event::Exited(a, true)).contains(&Action::Spawn(a)));
    assert!(matches!(m.state(a), State::Starting { .. }), "{:?}", m.state(a));
    m.handle(4, Event::Exited(a, false));
    assert_eq!(m.state(a), State::BackingOff { until: 204 });
}

#[test]
fn a_restart_asked_for_is_at_once_after_a_long_life_too_and_is_not_counted() {
    let mut m = machine(&[("a", "")]);
    let a = id(&m, "a");
    m.handle(0, Event::Tick);
    m.handle(1, Event::Ready(a));
    m.handle(100_000, Event::Restart(a));
    assert!(m.handle(100_001, Event::Exited(a, true)).contains(&Action::Spawn(a)));
    assert_eq!(m.restarts(a), 0);
}

#[test]
fn one_that_cannot_die_does_not_hold_the_machine() {
    let mut m = machine(&[("a", ""), ("b", "requires = [\"a\"]")]);
    let b = id(&m, "b");
    m.handle(0, Event::Tick);
    m.handle(1, Event::Ready(id(&m, "a")));
    m.handle(2, Event::Ready(b));
    let mut actions = m.handle(3, Event::Shutdown(Shutdown::Reboot));
    while let Some(deadline) = m.next_deadline().filter(|at| *at < 60_000) {
        actions.extend(m.handle(deadline, Event::Tick));
    }
    assert!(actions.contains(&Action::Halt(Shutdown::Reboot)), "{actions:?}");
}

#[test]
fn shutdown_goes_against_the_order_of_starting() {
    let mut m = machine(&[("a", ""), ("b", "requires = [\"a\"]")]);
    let (a, b) = (id(&m, "a"), id(&m, "b"));
    m.handle(0, Event::Tick);
    m.handle(1, Event::Ready(a));
    m.handle(2, Event::Ready(b));
    let first = m.handle(3, Event::Shutdown(Shutdown::PowerOff));
    assert!(first.contains(&Action::Signal(b, Signal::Terminate)) && !first.contains(&Action::Signal(a, Signal::Terminate)));
    assert!(m.handle(4, Event::Exited(b, true)).contains(&Action::Signal(a, Signal::Terminate)));
    assert!(m.handle(5, Event::Exited(a, true)).contains(&Action::Halt(Shutdown::PowerOff)));
}

#[test]
fn a_bad_service_and_those_that_require_it_are_left_out_and_the_rest_runs() {
    let files =
        [("a", "requires = [\"gone\"]"), ("b", "requires = [\"a\"]"), ("c", ""), ("d", "requires = [\"e\"]"), ("e", "after = [\"d\"]")];
    let (graph, rejected) = Graph::new(files.iter().map(|(n, f)| ((*n).to_owned(), file(f))).collect());
    let left: Vec<_> = graph.ids().map(|i| graph.name(i).to_owned()).collect();
    // Of the cycle d-e one is left out; e only wished to come after d, so it stays.
    assert_eq!(left, ["c", "e"]);
    assert_eq!(rejected.len(), 3);
}

/// Random services `s0`…: each may require or follow only earlier ones, so the graph is sound.
fn graphs() -> impl Strategy<Value = Vec<(String, String)>> {
    let one = (any::<u8>(), any::<u8>(), 0usize..4, 0usize..3);
    prop::collection::vec(one, 1..8).prop_map(|rows| rows.iter().enumerate().map(|(i, row)| random_service(i, *row)).collect())
}

fn random_service(i: usize, (requires, after, readiness, policy): (u8, u8, usize, usize)) -> (String, String) {
    let pick = |bits: u8| (0..i).filter(|j| bits >> (j % 8) & 1 == 1).map(|j| format!("\"s{j}\"")).collect::<Vec<_>>().join(", ");
    let readiness = ["notify", "exit", "started", "socket:/run/x"][readiness];
    let policy = ["always", "on-failure", "never"][policy];
    let (requires, after) = (pick(requires), pick(after));
    let text = format!("requires = [{requires}]\nafter = [{after}]\nreadiness = \"{readiness}\"\n[restart]\npolicy = \"{policy}\"");
    (format!("s{i}"), text)
}

/// What the world outside knows: which services have a process.
struct World {
    machine: Machine,
    alive: BTreeSet<Id>,
    halted: bool,
}

impl World {
    fn new(services: &[(String, String)]) -> Self {
        let files = services.iter().map(|(n, extra)| (n.clone(), file(extra))).collect();
        Self { machine: Machine::new(Graph::new(files).0), alive: BTreeSet::new(), halted: false }
    }

    fn feed(&mut self, now: Millis, event: Event) {
        if let Event::Exited(id, _) = event {
            self.alive.remove(&id);
        }
        for action in self.machine.handle(now, event) {
            self.carry_out(action);
        }
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Spawn(id) => {
                assert!(self.alive.insert(id), "two instances of one service");
                assert!(!self.halted && self.machine.shutting_down().is_none(), "started while going down");
            }
            Action::Halt(_) => {
                assert!(self.alive.is_empty(), "halted over living services");
                self.halted = true;
            }
            _ => {}
        }
    }

    fn event(&self, pick: u8, kind: u8) -> Event {
        let id = Id(usize::from(pick) % self.machine.services.len());
        let alive = self.alive.contains(&id);
        match kind % 8 {
            0 if alive => Event::Exited(id, true),
            1 if alive => Event::Exited(id, false),
            2 | 3 if alive => Event::Ready(id),
            4 => Event::Restart(id),
            5 => Event::Stop(id),
            6 => Event::Start(id),
            7 => Event::Reload(id),
            _ => Event::Tick,
        }
    }
}

proptest! {
    #[test]
    fn one_instance_each_and_shutdown_always_ends(services in graphs(), steps in prop::collection::vec((any::<u8>(), any::<u8>(), 0u64..5_000), 0..120)) {
        let mut world = World::new(&services);
        let mut now = 0;
        world.feed(now, Event::Tick);
        for (pick, kind, wait) in steps {
            now += wait;
            world.feed(now, world.event(pick, kind));
        }
        world.feed(now, Event::Shutdown(Shutdown::Reboot));
        // Nobody obeys the stop signal; each dies of the kill one round later. As many rounds as there are services are enough.
        for _ in 0..services.len() {
            now += 20_000;
            world.feed(now, Event::Tick);
            for id in world.alive.clone() {
                if matches!(world.machine.state(id), State::Stopping { .. }) {
                    world.feed(now, Event::Exited(id, false));
                }
            }
        }
        prop_assert!(world.halted, "still alive: {:?}", world.alive);
    }

    #[test]
    fn nothing_starts_before_what_it_requires_is_ready(services in graphs(), steps in prop::collection::vec((any::<u8>(), any::<u8>(), 0u64..5_000), 0..120)) {
        let mut world = World::new(&services);
        let mut now = 0;
        for (pick, kind, wait) in steps {
            now += wait;
            let event = world.event(pick, kind);
            if let Event::Exited(id, _) = event { world.alive.remove(&id); }
            for action in world.machine.handle(now, event) {
                if let Action::Spawn(id) = action {
                    for r in world.machine.graph().requires(id) {
                        prop_assert!(matches!(world.machine.state(*r), State::Running | State::Done), "{id:?} started before {r:?}");
                    }
                }
                world.carry_out(action);
            }
        }
    }
}
