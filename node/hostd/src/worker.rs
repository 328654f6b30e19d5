//! One workload's life: a task that brings its container to where the goal wants it, and keeps it there.
//!
//! There is one way into every situation (first start, changed settings, our own restart, a crash):
//! look at what is there, keep it if it is what the goal wants, else clear it away and make it.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use ampoule_workload::{Isolation, Next, RestartPolicy, Restarts, Workload};
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    bring_up::{Ready, bring_up},
    engine::{Container, Exit, TaskState},
    error::HostError,
    ground::Ground,
    leftovers,
    output::Output,
    status::{State, timestamp},
};

/// Given to a process between being asked to end and being ended.
const GRACE: Duration = Duration::from_secs(10);
/// Given to the kernel to end a process that was killed.
const KILL_WAIT: Duration = Duration::from_secs(5);
const SIGKILL: u32 = 9;

/// What is wanted of a workload.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Goal {
    /// It runs.
    Run(Arc<Workload>),
    /// It is known but does not run.
    Rest,
    /// It is forgotten, with its network and its files in `/run`; volumes stay.
    Remove,
    /// The node goes down: it is stopped, nothing is forgotten.
    Shutdown,
}

impl Goal {
    /// The workload, if a container for `digest` is what this goal wants.
    fn wants(&self, digest: &str) -> Option<&Arc<Workload>> {
        match self {
            Goal::Run(workload) if workload.container_digest() == digest => Some(workload),
            _ => None,
        }
    }

    fn keeps(&self, digest: &str) -> bool {
        self.wants(digest).is_some()
    }

    fn restart_policy(&self) -> RestartPolicy {
        match self {
            Goal::Run(workload) => workload.restart,
            _ => RestartPolicy::Never,
        }
    }
}

/// The worker of one workload.
pub(crate) struct Worker {
    ground: Arc<Ground>,
    name: String,
    goals: watch::Receiver<Goal>,
    output: Option<Output>,
    /// A process that is being made. It is made to its end, whatever becomes of the goal meanwhile: a runc that is ended in the middle leaves half a container.
    starting: Option<JoinHandle<Result<u32, HostError>>>,
}

impl Worker {
    /// A worker for `name` that follows `goals`.
    pub(crate) fn new(ground: Arc<Ground>, name: String, goals: watch::Receiver<Goal>) -> Self {
        Self { ground, name, goals, output: None, starting: None }
    }

    /// Works until the goal is `Remove` or `Shutdown` and reached.
    pub(crate) async fn run(mut self) {
        loop {
            let goal = self.goals.borrow_and_update().clone();
            match goal {
                Goal::Run(workload) => self.keep_running(&workload).await,
                Goal::Rest => self.rest().await,
                Goal::Remove => return self.remove().await,
                Goal::Shutdown => return self.stop().await,
            }
        }
    }

    async fn keep_running(&mut self, workload: &Workload) {
        let digest = workload.container_digest();
        let mut restarts = Restarts::default();
        self.ground.board.update(&self.name, |status| {
            status.image.clone_from(&workload.image);
            status.restarts = 0;
            status.message.clear();
        });
        loop {
            // Anew for each life: ports and limits change around a process that lives, and the next one must not have those of the first.
            let Some(workload) = self.goals.borrow().wants(&digest).cloned() else { return };
            let mut goals = self.goals.clone();
            let next = tokio::select! {
                biased;
                () = superseded(&mut goals, &digest) => return,
                next = self.one_life(&workload, &digest, &mut restarts) => next,
            };
            let (policy, mut same_goals) = (self.policy(), self.goals.clone());
            tokio::select! {
                () = superseded(&mut goals, &digest) => return,
                () = pause(next) => {}
                // What rests may run again under another policy.
                () = other_policy(&mut same_goals, policy) => return,
            }
        }
    }

    fn policy(&self) -> RestartPolicy {
        self.goals.borrow().restart_policy()
    }

    async fn one_life(&mut self, workload: &Workload, digest: &str, restarts: &mut Restarts) -> Next {
        match self.adopt_or_make(workload, digest).await {
            Ok(begun) => {
                let exit = self.ground.engine.wait_task(&self.name).await;
                log::info!("{}: ended with code {}", self.name, exit.code);
                let next = restarts.ended(self.policy(), exit.code, begun.elapsed());
                self.tell_exit(exit);
                self.tell_next(next, restarts);
                if let Err(error) = self.clear().await {
                    log::warn!("{}: {error}", self.name);
                }
                next
            }
            Err(error) => {
                log::warn!("{}: not started: {error}", self.name);
                self.ground.board.update(&self.name, |status| status.message = error.to_string());
                let next = restarts.not_started();
                self.tell_next(next, restarts);
                next
            }
        }
    }

    /// Leads to a living process: the one that is there if it is the wanted one, else a new one.
    async fn adopt_or_make(&mut self, workload: &Workload, digest: &str) -> Result<Instant, HostError> {
        self.settle().await;
        if let Some(container) = self.ground.engine.container(&self.name).await? {
            let task = self.ground.engine.task(&self.name).await?;
            match task {
                TaskState::Running { pid } if container.digest == digest => {
                    return self.adopt(workload, &container, pid).await;
                }
                _ => self.end(Some(&container)).await?,
            }
        }
        self.clear().await?;
        let ground = Arc::clone(&self.ground);
        self.tell_isolation(workload, ground.register.assign(&self.name)?);
        let ready = bring_up(&ground, &self.name, workload, digest, &mut self.output).await?;
        let address = ready.address.clone();
        let pid = self.start(ready).await?;
        log::info!("{}: runs as process {pid} at {address}", self.name);
        self.tell_running(pid, &address, SystemTime::now());
        // Beside the process's life: containerd takes its time to free layers.
        let ground = Arc::clone(&self.ground);
        tokio::spawn(async move { ground.remove_unused_images().await });
        Ok(Instant::now())
    }

    async fn start(&mut self, ready: Ready) -> Result<u32, HostError> {
        let (ground, name) = (Arc::clone(&self.ground), self.name.clone());
        let starting = self.starting.insert(tokio::spawn(async move {
            let Ready { mounts, output, root, .. } = ready;
            ground.engine.start_task(&name, mounts, output.each_ref().map(PathBuf::as_path), root).await
        }));
        let started = starting.await;
        self.starting = None;
        started.map_err(HostError::network("hear whether the process was started"))?
    }

    /// Waits until a process that was being made when the goal changed is there, or is not.
    async fn settle(&mut self) {
        if let Some(starting) = self.starting.take() {
            // What became of it is looked up: this may not have heard of it.
            let _ = starting.await;
        }
    }

    async fn adopt(&mut self, workload: &Workload, container: &Container, pid: u32) -> Result<Instant, HostError> {
        let folder = self.ground.folder(&self.name)?;
        let isolation = self.ground.register.assign(&self.name)?;
        let ids = workload.ids(isolation);
        let attachment = self.ground.network.attach(&self.name, &folder, ids).await?;
        self.ground.quota.limit(isolation, workload)?;
        self.tell_isolation(workload, isolation);
        self.ground.network.publish(&self.name, &workload.publish).await?;
        if self.output.is_none() {
            self.output = Some(Output::open(&folder, &self.name, &self.ground.sink)?);
        }
        log::info!("{}: runs already as process {pid}", self.name);
        self.tell_running(pid, &attachment.address.to_string(), container.created);
        let age = container.created.elapsed().unwrap_or_default();
        Ok(Instant::now().checked_sub(age).unwrap_or_else(Instant::now))
    }

    async fn rest(&mut self) {
        self.stop().await;
        if let Err(error) = self.ground.network.publish(&self.name, &[]).await {
            log::warn!("{}: {error}", self.name);
        }
        self.ground.board.update(&self.name, |status| {
            status.state = State::Disabled;
            status.message.clear();
        });
        let _ = self.goals.changed().await;
    }

    async fn stop(&mut self) {
        if let Err(error) = self.try_stop().await {
            log::warn!("{}: not stopped: {error}", self.name);
        }
        self.ground.board.update(&self.name, |status| {
            status.state = State::Stopped;
            status.pid = None;
        });
    }

    async fn try_stop(&mut self) -> Result<(), HostError> {
        self.settle().await;
        let container = self.ground.engine.container(&self.name).await?;
        self.end(container.as_ref()).await?;
        self.clear().await
    }

    /// Asks the process to end, then ends it.
    async fn end(&self, container: Option<&Container>) -> Result<(), HostError> {
        let engine = &self.ground.engine;
        if !matches!(engine.task(&self.name).await?, TaskState::Running { .. }) {
            return Ok(());
        }
        log::info!("{}: stopping", self.name);
        let signal = container.map_or(15, |container| container.stop_signal);
        // One that ended in this moment cannot be signalled; the wait below hears of it either way.
        if let Err(error) = engine.kill_task(&self.name, signal, false).await {
            log::debug!("{}: {error}", self.name);
        }
        if tokio::time::timeout(GRACE, engine.wait_task(&self.name)).await.is_err() {
            log::warn!("{}: did not stop within {} s and is ended", self.name, GRACE.as_secs());
        }
        Ok(())
    }

    /// Takes away whatever there is of the container, living or not.
    async fn clear(&mut self) -> Result<(), HostError> {
        let engine = &self.ground.engine;
        if engine.task(&self.name).await? != TaskState::Absent {
            let _ = engine.kill_task(&self.name, SIGKILL, true).await;
            let _ = tokio::time::timeout(KILL_WAIT, engine.wait_task(&self.name)).await;
        }
        // Also if there is none: where this was cut short by a change of the goal, containerd keeps a shim without a process, which it does not tell
        // of and which is in the way of every later start ("already exists").
        engine.remove_task(&self.name).await?;
        leftovers::remove(&self.ground.options.runc, &self.name).await?;
        if let Some(output) = self.output.take() {
            output.finish().await;
        }
        engine.remove_container(&self.name).await?;
        engine.remove_snapshot(&self.name).await
    }

    async fn remove(&mut self) {
        self.stop().await;
        if let Err(error) = self.forget().await {
            log::warn!("{}: something of it is left: {error}", self.name);
        }
        self.ground.board.remove(&self.name);
        log::info!("{}: removed", self.name);
        self.ground.remove_unused_images().await;
    }

    async fn forget(&self) -> Result<(), HostError> {
        let folder = self.ground.folder(&self.name)?;
        self.ground.network.detach(&self.name, &folder).await?;
        self.ground.register.release(&self.name);
        std::fs::remove_dir_all(&folder).map_err(HostError::file("remove", folder))
    }

    fn tell_running(&self, pid: u32, address: &str, since: SystemTime) {
        self.ground.board.update(&self.name, |status| {
            status.state = State::Running;
            status.pid = Some(pid);
            status.address = Some(address.to_owned());
            status.started_at = Some(timestamp(since));
            status.pull = None;
            status.message.clear();
        });
    }

    fn tell_isolation(&self, workload: &Workload, isolation: Isolation) {
        self.ground.board.isolated(&self.name, workload, isolation);
    }

    fn tell_exit(&self, exit: Exit) {
        self.ground.board.update(&self.name, |status| {
            status.pid = None;
            status.exit_code = Some(exit.code);
            status.message = format!("ended with code {}", exit.code);
        });
    }

    fn tell_next(&self, next: Next, restarts: &Restarts) {
        self.ground.board.update(&self.name, |status| {
            status.restarts = restarts.total();
            status.pull = None;
            status.state = match next {
                Next::Again(_) => State::BackingOff,
                Next::Stopped => State::Stopped,
                Next::Failed => State::Failed,
            };
            if let Next::Again(wait) = next {
                status.message += &format!("; next try in {} s", wait.as_secs());
            }
        });
    }
}

/// Returns when the goal has another restart policy.
async fn other_policy(goals: &mut watch::Receiver<Goal>, policy: RestartPolicy) {
    if goals.wait_for(|goal| goal.restart_policy() != policy).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Returns when the goal wants something else than a container for `digest`.
async fn superseded(goals: &mut watch::Receiver<Goal>, digest: &str) {
    // The sender lives as long as the fleet; without it nothing can change any more.
    if goals.wait_for(|goal| !goal.keeps(digest)).await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn pause(next: Next) {
    match next {
        Next::Again(wait) => tokio::time::sleep(wait).await,
        Next::Stopped | Next::Failed => std::future::pending().await,
    }
}
