//! The state machine of all services: events and the time go in, actions come out. It forks, waits and logs nothing itself.
//!
//! ```text
//! Waiting ──requirements ready──▶ Starting ──ready──▶ Running ──exit──▶ BackingOff ──time──▶ Waiting
//!    ▲                               │                   │  (exit 0 of a oneshot: Done)
//!    └────────── start ── Stopped ◀──┴── Stopping ◀──────┴── stop, restart, shutdown
//! ```

use crate::graph::{Graph, Id};
use crate::service::{Policy, Readiness};
use crate::units::Signal;

/// Milliseconds of the monotonic clock.
pub type Millis = u64;

/// Where a service is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Waits for what it requires.
    Waiting,
    /// Runs, not ready yet; killed at `deadline`.
    Starting {
        /// When patience ends.
        deadline: Millis,
    },
    /// Runs and is ready.
    Running,
    /// A oneshot that ended well, or one that was ready, ended well and whose policy is `on-failure`.
    Done,
    /// Ended; started again at `until`.
    BackingOff {
        /// When it is started again.
        until: Millis,
    },
    /// Told to end; killed at `deadline`.
    Stopping {
        /// When patience ends.
        deadline: Millis,
    },
    /// Ended on request.
    Stopped,
    /// Ended, and its policy is not to start it again.
    Failed,
}

/// So many times `SIGKILL`, a second apart. A killed process is gone within a tick of the scheduler unless it hangs in the kernel, on a dead disk for one.
const MOST_KILLS: u32 = 5;

/// What ends the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shutdown {
    /// Restart the machine.
    Reboot,
    /// Turn it off.
    PowerOff,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The process could not be made.
    SpawnFailed(Id),
    /// The main process ended; `true` for status 0.
    Exited(Id, bool),
    /// It said, or its socket showed, that it is ready.
    Ready(Id),
    /// Someone asks to start it.
    Start(Id),
    /// Someone asks to stop it.
    Stop(Id),
    /// Someone asks to stop and start it.
    Restart(Id),
    /// Someone asks it to read its files again.
    Reload(Id),
    /// Someone asks to end the machine.
    Shutdown(Shutdown),
    /// Time passed.
    Tick,
}

/// What the shell around the machine does next, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Make its process.
    Spawn(Id),
    /// Send its main process a signal.
    Signal(Id, Signal),
    /// Kill what its file's `stop.kill` names.
    Kill(Id),
    /// Its state changed: record it.
    Changed(Id, State),
    /// All services are down: end the machine.
    Halt(Shutdown),
}

/// Why a service is being stopped, and so what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AfterStop {
    /// Someone asked for the stop, or the machine goes down.
    Rest,
    /// Someone asked for a new start: at once.
    Start,
    /// It did not get ready in time, which is a failure: as its policy says.
    ByPolicy,
}

#[derive(Debug, Clone)]
struct Service {
    state: State,
    /// Has been spawned at least once.
    started: bool,
    /// A process of it exists.
    alive: bool,
    /// What follows once it is down.
    after_stop: AfterStop,
    /// How often it was killed in vain while the machine goes down.
    kills: u32,
    /// When this instance got ready: only from then on is its life a stable one.
    ready_at: Option<Millis>,
    /// Wait before the next start.
    delay: Millis,
    restarts: u32,
}

/// All services of a node.
#[derive(Debug, Clone)]
pub struct Machine {
    graph: Graph,
    services: Vec<Service>,
    shutdown: Option<Shutdown>,
    halted: bool,
}

impl Machine {
    /// Every service waits; the first [`Event::Tick`] starts those that require nothing.
    #[must_use]
    pub fn new(graph: Graph) -> Self {
        let fresh = |id| Service {
            state: State::Waiting,
            started: false,
            alive: false,
            after_stop: AfterStop::Rest,
            kills: 0,
            ready_at: None,
            delay: graph.file(id).restart.delay.millis(),
            restarts: 0,
        };
        Self { services: graph.ids().map(fresh).collect(), graph, shutdown: None, halted: false }
    }

    /// The services.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Where a service is.
    #[must_use]
    pub fn state(&self, id: Id) -> State {
        self.services[id.0].state
    }

    /// How often it was started again by itself.
    #[must_use]
    pub fn restarts(&self, id: Id) -> u32 {
        self.services[id.0].restarts
    }

    /// Whether the machine is going down.
    #[must_use]
    pub fn shutting_down(&self) -> Option<Shutdown> {
        self.shutdown
    }

    /// When [`Event::Tick`] is due next; `None`: only when something else happens.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Millis> {
        self.services.iter().filter_map(|s| deadline(s.state)).min()
    }

    /// Takes one event at time `now` and returns what to do.
    pub fn handle(&mut self, now: Millis, event: Event) -> Vec<Action> {
        let mut out = Vec::new();
        match event {
            Event::SpawnFailed(id) => self.ended(now, id, false, &mut out),
            Event::Exited(id, ok) => self.exited(now, id, ok, &mut out),
            Event::Ready(id) => self.ready(now, id, &mut out),
            Event::Start(id) => self.start(id, &mut out),
            Event::Stop(id) => self.stop(now, id, false, &mut out),
            Event::Restart(id) => self.stop(now, id, true, &mut out),
            Event::Reload(id) => self.reload(now, id, &mut out),
            Event::Shutdown(kind) => self.begin_shutdown(kind, &mut out),
            Event::Tick => {}
        }
        self.settle(now, &mut out);
        out
    }

    /// Lets time and dependencies have their effect until nothing moves.
    fn settle(&mut self, now: Millis, out: &mut Vec<Action>) {
        self.overdue(now, out);
        match self.shutdown {
            Some(kind) => self.advance_shutdown(now, kind, out),
            None => self.start_what_can(now, out),
        }
    }

    fn overdue(&mut self, now: Millis, out: &mut Vec<Action>) {
        for id in self.graph.ids() {
            match self.state(id) {
                State::Starting { deadline } if deadline <= now => self.give_up(now, id, out),
                State::Stopping { deadline } if deadline <= now => self.kill_again(now, id, out),
                State::BackingOff { until } if until <= now && self.shutdown.is_none() => self.set(id, State::Waiting, out),
                _ => {}
            }
        }
    }

    /// Repeated each second in case a process was born meanwhile. One that does not die hangs in the kernel: the end of the machine does not wait for it.
    fn kill_again(&mut self, now: Millis, id: Id, out: &mut Vec<Action>) {
        out.push(Action::Kill(id));
        let service = &mut self.services[id.0];
        service.kills += u32::from(self.shutdown.is_some());
        if service.kills > MOST_KILLS {
            service.alive = false;
            self.set(id, State::Stopped, out);
        } else {
            service.state = State::Stopping { deadline: now + 1_000 };
        }
    }

    /// Kills a service that did not get ready in time.
    fn give_up(&mut self, now: Millis, id: Id, out: &mut Vec<Action>) {
        out.push(Action::Kill(id));
        self.services[id.0].after_stop = AfterStop::ByPolicy;
        self.set(id, State::Stopping { deadline: now + 1_000 }, out);
    }

    fn start_what_can(&mut self, now: Millis, out: &mut Vec<Action>) {
        // Spawning one may allow another whose `after` it is: go round until nothing changes; each round spawns at least one.
        while let Some(id) = self.most_urgent() {
            self.spawn(now, id, out);
        }
    }

    fn most_urgent(&self) -> Option<Id> {
        self.graph.by_urgency().find(|id| self.may_start(*id))
    }

    fn may_start(&self, id: Id) -> bool {
        let ready = |r: &Id| matches!(self.state(*r), State::Running | State::Done);
        self.state(id) == State::Waiting
            && !self.services[id.0].alive
            && self.graph.requires(id).iter().all(ready)
            && self.graph.after(id).iter().all(|a| self.has_had_its_turn(*a))
    }

    /// Whether one that comes after `id` may start: `id` was started and, if it is a oneshot, is not at work now, however it ended.
    fn has_had_its_turn(&self, id: Id) -> bool {
        let oneshot = self.graph.file(id).readiness == Readiness::Exit;
        self.services[id.0].started && !(oneshot && self.services[id.0].alive)
    }

    fn spawn(&mut self, now: Millis, id: Id, out: &mut Vec<Action>) {
        let timeout = self.graph.file(id).ready_timeout.millis();
        let service = &mut self.services[id.0];
        (service.started, service.alive, service.after_stop, service.kills, service.ready_at) = (true, true, AfterStop::Rest, 0, None);
        out.push(Action::Spawn(id));
        match self.graph.file(id).readiness {
            Readiness::Started => self.running(now, id, out),
            _ => self.set(id, State::Starting { deadline: now + timeout }, out),
        }
    }

    fn ready(&mut self, now: Millis, id: Id, out: &mut Vec<Action>) {
        if matches!(self.state(id), State::Starting { .. }) && self.graph.file(id).readiness != Readiness::Exit {
            self.running(now, id, out);
        }
    }

    fn running(&mut self, now: Millis, id: Id, out: &mut Vec<Action>) {
        self.services[id.0].ready_at = Some(now);
        self.set(id, State::Running, out);
    }

    fn exited(&mut self, now: Millis, id: Id, ok: bool, out: &mut Vec<Action>) {
        if self.services[id.0].alive {
            // Whatever the main process left behind in its group goes with it, where the file says so.
            out.push(Action::Kill(id));
            self.ended(now, id, ok, out);
        }
    }

    fn ended(&mut self, now: Millis, id: Id, ok: bool, out: &mut Vec<Action>) {
        self.services[id.0].alive = false;
        let oneshot = self.graph.file(id).readiness == Readiness::Exit;
        let next = match self.state(id) {
            _ if self.shutdown.is_some() => State::Stopped,
            State::Stopping { .. } => self.after_stop(now, id),
            State::Starting { .. } if oneshot && ok => State::Done,
            State::Running if ok && self.may_end(id) => State::Done,
            _ => self.by_policy(now, id, ok && !oneshot),
        };
        self.set(id, next, out);
    }

    /// Whether one that has got ready may end by itself: its work is done then, and what requires it goes on.
    fn may_end(&self, id: Id) -> bool {
        self.graph.file(id).restart.policy == Policy::OnFailure
    }

    fn by_policy(&mut self, now: Millis, id: Id, ok: bool) -> State {
        match self.graph.file(id).restart.policy {
            Policy::Never => State::Failed,
            Policy::OnFailure if ok => State::Stopped,
            Policy::OnFailure | Policy::Always => self.again(now, id),
        }
    }

    fn after_stop(&mut self, now: Millis, id: Id) -> State {
        match self.services[id.0].after_stop {
            AfterStop::Rest => State::Stopped,
            AfterStop::ByPolicy => self.by_policy(now, id, false),
            AfterStop::Start => {
                // Not after what an earlier crash earned it.
                self.services[id.0].delay = self.graph.file(id).restart.delay.millis();
                State::Waiting
            }
        }
    }

    /// The back-off: doubles up to the most, begins anew after a stable life.
    fn again(&mut self, now: Millis, id: Id) -> State {
        let rule = &self.graph.file(id).restart;
        let (first, most, stable) = (rule.delay.millis(), rule.max_delay.millis(), rule.stable_after.millis());
        let service = &mut self.services[id.0];
        if service.ready_at.is_some_and(|ready| now.saturating_sub(ready) >= stable) {
            service.delay = first;
        }
        let wait = service.delay.min(most);
        service.delay = service.delay.saturating_mul(2).clamp(first.min(most), most);
        service.restarts = service.restarts.saturating_add(1);
        State::BackingOff { until: now.saturating_add(wait) }
    }

    fn start(&mut self, id: Id, out: &mut Vec<Action>) {
        let service = &mut self.services[id.0];
        match service.state {
            State::Stopped | State::Failed | State::Done | State::BackingOff { .. } => self.set(id, State::Waiting, out),
            State::Stopping { .. } => service.after_stop = AfterStop::Start,
            State::Waiting | State::Starting { .. } | State::Running => {}
        }
    }

    fn stop(&mut self, now: Millis, id: Id, again: bool, out: &mut Vec<Action>) {
        if self.services[id.0].alive {
            self.end(now, id, again, out);
        } else if again {
            self.start(id, out);
        } else {
            self.set(id, State::Stopped, out);
        }
    }

    fn end(&mut self, now: Millis, id: Id, again: bool, out: &mut Vec<Action>) {
        let stop = &self.graph.file(id).stop;
        let (signal, deadline) = (stop.signal, now + stop.timeout.millis());
        self.services[id.0].after_stop = if again { AfterStop::Start } else { AfterStop::Rest };
        if !matches!(self.state(id), State::Stopping { .. }) {
            out.push(Action::Signal(id, signal));
            self.set(id, State::Stopping { deadline }, out);
        }
    }

    fn reload(&mut self, now: Millis, id: Id, out: &mut Vec<Action>) {
        match (self.state(id), self.graph.file(id).reload.as_ref()) {
            (State::Running, Some(reload)) => out.push(Action::Signal(id, reload.signal)),
            // Not ready yet, or no way to reload: the new files are read by a fresh start. Nothing to do for one that does not run.
            (State::Running | State::Starting { .. }, _) => self.stop(now, id, true, out),
            // A oneshot read its files in its last run, well or not: the new ones take a run of their own.
            (State::Done | State::Failed | State::BackingOff { .. }, _) if self.graph.file(id).readiness == Readiness::Exit => {
                self.start(id, out)
            }
            _ => {}
        }
    }

    fn begin_shutdown(&mut self, kind: Shutdown, out: &mut Vec<Action>) {
        self.shutdown.get_or_insert(kind);
        for id in self.graph.ids().filter(|id| !self.services[id.0].alive).collect::<Vec<_>>() {
            self.set(id, State::Stopped, out);
        }
    }

    /// Stops each service whose dependants are down; when none is left, ends the machine.
    fn advance_shutdown(&mut self, now: Millis, kind: Shutdown, out: &mut Vec<Action>) {
        for id in self.graph.ids() {
            let free = !self.graph.dependants(id).any(|d| self.services[d.0].alive);
            if self.services[id.0].alive && free {
                self.end(now, id, false, out);
            }
        }
        if !self.halted && !self.services.iter().any(|s| s.alive) {
            self.halted = true;
            out.push(Action::Halt(kind));
        }
    }

    fn set(&mut self, id: Id, state: State, out: &mut Vec<Action>) {
        if self.services[id.0].state != state {
            self.services[id.0].state = state;
            out.push(Action::Changed(id, state));
        }
    }
}

fn deadline(state: State) -> Option<Millis> {
    match state {
        State::Starting { deadline } | State::Stopping { deadline } => Some(deadline),
        State::BackingOff { until } => Some(until),
        State::Waiting | State::Running | State::Done | State::Stopped | State::Failed => None,
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
