//! The loop: what happened goes into the state machine, what it answers is carried out.

use crate::console::{Level, log, note, say};
use crate::control::Control;
use crate::output::Output;
use crate::timeline::{Timeline, now};
use crate::watchdog::Feeder;
use crate::{cgroup, halt, listening, notify, power_button, spawn};
use ampoule_supervise::graph::{Graph, Id};
use ampoule_supervise::machine::{Action, Event, Machine, Shutdown, State};
use ampoule_supervise::message::{Name, Phase, Refusal, Reply, Request, ServiceStatus};
use ampoule_supervise::service::{Kill, Readiness};
use ampoule_supervise::units::Signal;
use ampoule_sys::spawn::NOT_STARTED;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, WaitOptions, WaitStatus, kill_process, wait};
use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::process::ExitCode;

/// How often it is tried whether a socket that says "ready" takes connections.
const SOCKET_LOOK_MS: u64 = 20;
/// The most children reaped before others are served: thousands of orphans must not hold up the rest.
const REAP_AT_ONCE: usize = 512;

/// What the shell knows of a service beside its state.
#[derive(Clone, Default)]
struct Running {
    pid: Option<u32>,
    phase: Option<Phase>,
    /// Why its latest life ended, for people.
    cause: String,
    since_ms: u64,
    ready_ms: u64,
}

struct Supervisor {
    machine: Machine,
    running: Vec<Running>,
    output: Output,
    timeline: Timeline,
    watchdog: Feeder,
    events: VecDeque<Event>,
    told_ready: bool,
}

/// Where events come from.
struct Sources {
    signals: OwnedFd,
    notify: Option<OwnedFd>,
    control: Option<Control>,
    buttons: Vec<OwnedFd>,
}

/// Runs the node until it is shut down.
pub(crate) fn run(graph: Graph, timeline: Timeline, watchdog: Feeder) -> ExitCode {
    let mut sources = Sources::open();
    let running = graph.ids().map(|_| Running::default()).collect();
    let machine = Machine::new(graph);
    let mut this =
        Supervisor { machine, running, output: Output::default(), timeline, watchdog, events: VecDeque::new(), told_ready: false };
    loop {
        this.handle(Event::Tick);
        this.watchdog.tend();
        sources.wait(this.patience());
        sources.collect(&mut this);
    }
}

impl Sources {
    fn open() -> Self {
        let signals = [libc::SIGCHLD, libc::SIGTERM, libc::SIGINT, libc::SIGPWR];
        // Ctrl-Alt-Del becomes SIGINT to us in place of an immediate reset.
        note("Ctrl-Alt-Del", std::fs::write("/proc/sys/kernel/ctrl-alt-del", "0"));
        Self {
            signals: ampoule_sys::signals::signal_descriptor(&signals).expect("PID 1 cannot work without signals"),
            notify: note("Notify socket", notify::open(spawn::NOTIFY_SOCKET)),
            control: note("Control socket", Control::open()),
            buttons: power_button::open(),
        }
    }

    fn wait(&self, patience: Option<u64>) {
        let clients = self.control.iter().flat_map(|c| c.clients.iter().chain([&c.listener]));
        let all = [&self.signals].into_iter().chain(&self.notify).chain(clients).chain(&self.buttons);
        let mut polled: Vec<_> = all.map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
        let timeout = patience.map(|ms| Timespec { tv_sec: (ms / 1_000).cast_signed(), tv_nsec: (ms % 1_000 * 1_000_000).cast_signed() });
        // Interrupted or not, what is there is looked at next.
        let _ = poll(&mut polled, timeout.as_ref());
    }

    fn collect(&mut self, to: &mut Supervisor) {
        while let Some(signal) = ampoule_sys::signals::next_signal(&self.signals) {
            to.signalled(signal);
        }
        to.reap();
        self.notify.iter().for_each(|socket| to.read_notifications(socket));
        if let Some(control) = &mut self.control {
            control.accept();
            control.serve(|request| to.answer(&request));
        }
        if power_button::pressed(&mut self.buttons) {
            to.end_the_machine(Shutdown::PowerOff, "the power button was pressed");
        }
        to.look_for_sockets();
    }
}

impl Supervisor {
    /// Milliseconds until something is due; `None`: only an event can wake us.
    fn patience(&self) -> Option<u64> {
        let deadlines = self.machine.next_deadline().into_iter().chain(self.watchdog.next_deadline());
        let due = deadlines.map(|at| at.saturating_sub(now()) + 1);
        let looking = self.awaiting_socket().next().map(|_| SOCKET_LOOK_MS);
        due.chain(looking).min()
    }

    fn handle(&mut self, event: Event) {
        self.events.push_back(event);
        while let Some(event) = self.events.pop_front() {
            for action in self.machine.handle(now(), event) {
                self.carry_out(action);
            }
        }
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Spawn(id) => self.spawn(id),
            Action::Signal(id, signal) => self.signal(id, signal_number(signal)),
            Action::Kill(id) => self.kill(id),
            Action::Changed(id, state) => self.changed(id, state),
            Action::Halt(kind) => halt::end(kind, &mut self.watchdog),
        }
    }

    fn spawn(&mut self, id: Id) {
        self.running[id.0].cause.clear();
        let graph = self.machine.graph();
        match spawn::start(graph.name(id), graph.file(id), &mut self.output) {
            Ok(pid) => self.running[id.0].pid = Some(pid),
            Err(error) => {
                self.running[id.0].cause = format!("cannot be started: {error}");
                self.events.push_back(Event::SpawnFailed(id));
            }
        }
    }

    fn signal(&self, id: Id, signal: rustix::process::Signal) {
        if let Some(pid) = self.running[id.0].pid.and_then(|p| Pid::from_raw(p.cast_signed())) {
            // Not reaped yet, so the number is still this process's; it may be dead, which is what we want.
            let _ = kill_process(pid, signal);
        }
    }

    fn kill(&mut self, id: Id) {
        let graph = self.machine.graph();
        match (self.running[id.0].pid, self.running[id.0].phase) {
            (Some(_), Some(Phase::Starting)) => self.running[id.0].cause = "was not ready in its time".to_owned(),
            (Some(_), Some(Phase::Stopping)) => log(Level::Error, &format!("Service `{}` does not stop and is killed", graph.name(id))),
            _ => {}
        }
        match graph.file(id).stop.kill {
            Kill::Process => self.signal(id, rustix::process::Signal::KILL),
            Kill::Cgroup => {
                note(graph.name(id), cgroup::kill(graph.name(id)));
            }
        }
    }

    fn changed(&mut self, id: Id, state: State) {
        let name = self.machine.graph().name(id).to_owned();
        self.running[id.0].since_ms = now();
        self.running[id.0].phase = Some(state.into());
        if matches!(state, State::Running | State::Done) {
            self.running[id.0].ready_ms = now();
        }
        self.timeline.record(&name, state.into());
        let cause = self.running[id.0].cause.clone();
        self.tell(&name, &cause, state);
    }

    fn tell(&mut self, name: &str, cause: &str, state: State) {
        match state {
            State::Failed => log(Level::Error, &format!("Service `{name}` {cause} and is not started again; see `ampctl logs {name}`")),
            State::BackingOff { until } if self.machine.shutting_down().is_none() => {
                let wait = until.saturating_sub(now());
                log(Level::Error, &format!("Service `{name}` {cause} and is started again in {wait} ms; see `ampctl logs {name}`"));
            }
            _ => log(Level::Info, &format!("{name}: {}", Phase::from(state).word())),
        }
        let all_up = self.machine.graph().ids().all(|i| matches!(self.machine.state(i), State::Running | State::Done));
        if all_up && !self.told_ready {
            self.told_ready = true;
            say(&format!("Ampoule is ready after {:.1} s.", seconds(now())));
        }
    }

    fn signalled(&mut self, signal: i32) {
        match signal {
            libc::SIGINT => self.end_the_machine(Shutdown::Reboot, "Ctrl-Alt-Del was pressed"),
            libc::SIGTERM | libc::SIGPWR => self.end_the_machine(Shutdown::PowerOff, "init was told to end"),
            _ => {}
        }
    }

    fn end_the_machine(&mut self, kind: Shutdown, why: &str) {
        if self.machine.shutting_down().is_none() {
            say(&format!("Stopping: {why}."));
            log(Level::Info, &format!("stopping, because {why}"));
            self.timeline.phase(Phase::Stopping);
        }
        self.handle(Event::Shutdown(kind));
    }

    /// Reaps what has died, ours and orphans alike.
    fn reap(&mut self) {
        for _ in 0..REAP_AT_ONCE {
            let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) else { return };
            let pid = pid.as_raw_nonzero().get().cast_unsigned();
            if let Some(id) = self.machine.graph().ids().find(|id| self.running[id.0].pid == Some(pid)) {
                self.running[id.0].pid = None;
                self.note_cause(id, status);
                self.handle(Event::Exited(id, status.exit_status() == Some(0)));
            }
        }
        // More wait: come back at once.
        note("Reap on", kill_process(rustix::process::getpid(), rustix::process::Signal::CHILD));
    }

    /// Keeps an earlier cause: one killed for being late ended because it was late.
    fn note_cause(&mut self, id: Id, status: WaitStatus) {
        let cause = &mut self.running[id.0].cause;
        if cause.is_empty() {
            *cause = match (status.exit_status(), status.terminating_signal()) {
                (Some(NOT_STARTED), _) => "could not be confined or started; its own output says why".to_owned(),
                (Some(code), _) => format!("ended with status {code}"),
                (_, Some(libc::SIGSYS)) => "was killed by its list of system calls; `ampctl logs kernel` has the number".to_owned(),
                (_, signal) => format!("was ended by signal {}", signal.unwrap_or_default()),
            };
        }
    }

    fn read_notifications(&mut self, socket: &OwnedFd) {
        // As many as there are services: a flood of messages is read on next time, after the others were served.
        for _ in 0..=self.running.len() {
            match notify::next(socket) {
                notify::Next::Ready(name) => self.ready(&name),
                notify::Next::HostName(service, name) => self.name_the_node(&service, &name),
                notify::Next::Other => {}
                notify::Next::Nothing => return,
            }
        }
    }

    fn ready(&mut self, name: &str) {
        let id = self.machine.graph().find(name).filter(|id| self.machine.graph().file(*id).readiness == Readiness::Notify);
        if let Some(id) = id {
            self.handle(Event::Ready(id));
        }
    }

    /// So that no service needs the capability for it, which opens far more.
    fn name_the_node(&self, service: &str, name: &str) {
        let graph = self.machine.graph();
        match graph.find(service).is_some_and(|id| graph.file(id).rights.host_name) {
            true => drop(note("Host name", rustix::system::sethostname(name.as_bytes()))),
            false => log(Level::Error, &format!("Service `{service}` wants to name the node and may not")),
        }
    }

    fn awaiting_socket(&self) -> impl Iterator<Item = (Id, &str)> {
        let graph = self.machine.graph();
        graph.ids().filter(|id| matches!(self.machine.state(*id), State::Starting { .. })).filter_map(|id| {
            match &graph.file(id).readiness {
                Readiness::Socket(path) => Some((id, path.as_str())),
                _ => None,
            }
        })
    }

    fn look_for_sockets(&mut self) {
        let there: Vec<Id> = self.awaiting_socket().filter(|(_, path)| listening::takes_connections(path)).map(|(id, _)| id).collect();
        there.into_iter().for_each(|id| self.handle(Event::Ready(id)));
    }

    fn answer(&mut self, request: &Request) -> Reply {
        match request {
            Request::Service(index) => self.status(usize::from(*index)).map_or(Reply::End, Reply::Service),
            Request::Timeline(index) => self.timeline.get(*index).cloned().map_or(Reply::End, Reply::Timeline),
            Request::Reboot => self.accept_shutdown(Shutdown::Reboot),
            Request::PowerOff => self.accept_shutdown(Shutdown::PowerOff),
            Request::Start(name) => self.command(name, Event::Start),
            Request::Stop(name) => self.command(name, Event::Stop),
            Request::Restart(name) => self.command(name, Event::Restart),
            Request::Reload(name) => self.command(name, Event::Reload),
        }
    }

    fn accept_shutdown(&mut self, kind: Shutdown) -> Reply {
        self.end_the_machine(kind, "the API was asked to");
        Reply::Done
    }

    fn command(&mut self, name: &Name, event: fn(Id) -> Event) -> Reply {
        if self.machine.shutting_down().is_some() {
            return Reply::Refused(Refusal::ShuttingDown);
        }
        let Some(id) = self.machine.graph().find(name.as_str()) else { return Reply::Refused(Refusal::UnknownService) };
        self.handle(event(id));
        Reply::Done
    }

    fn status(&self, index: usize) -> Option<ServiceStatus> {
        let running = self.running.get(index)?;
        let id = Id(index);
        Some(ServiceStatus {
            name: Name::new(self.machine.graph().name(id))?,
            phase: self.machine.state(id).into(),
            pid: running.pid.unwrap_or(0),
            restarts: self.machine.restarts(id),
            since_ms: running.since_ms,
            ready_ms: running.ready_ms,
        })
    }
}

fn signal_number(signal: Signal) -> rustix::process::Signal {
    match signal {
        Signal::Hangup => rustix::process::Signal::HUP,
        Signal::Interrupt => rustix::process::Signal::INT,
        Signal::Terminate => rustix::process::Signal::TERM,
        Signal::Kill => rustix::process::Signal::KILL,
        Signal::User1 => rustix::process::Signal::USR1,
    }
}

#[expect(clippy::cast_precision_loss, reason = "seconds with one decimal, for a person")]
fn seconds(millis: u64) -> f64 {
    millis as f64 / 1_000.0
}
