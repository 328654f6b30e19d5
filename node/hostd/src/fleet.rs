//! All workloads: reads what is wanted, has one worker per workload, tells each what changed for it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ampoule_workload::{Change, Workload, Workloads, change::plan, workload::MAX_WORKLOADS_BYTES};
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    error::HostError,
    files,
    ground::Ground,
    worker::{Goal, Worker},
};

/// The workers together have this long to stop; init gives us a little more.
const SHUTDOWN: Duration = Duration::from_secs(25);

/// The workers and what they were told last.
pub(crate) struct Fleet {
    ground: Arc<Ground>,
    wanted: Workloads,
    crew: BTreeMap<String, Member>,
}

struct Member {
    goal: watch::Sender<Goal>,
    worker: JoinHandle<()>,
}

/// Reads the workloads from `path`; no file means none.
pub(crate) async fn read_wanted(path: &std::path::Path) -> Result<Workloads, HostError> {
    let Some(text) = files::read_bounded(path, MAX_WORKLOADS_BYTES)? else {
        return Ok(Workloads::new());
    };
    files::parse_secret(path, &text)
}

impl Fleet {
    /// Starts a worker for each of `wanted`, and for containers of an earlier life that are not wanted any more.
    pub(crate) async fn start(ground: Arc<Ground>, wanted: Workloads) -> Result<Self, HostError> {
        let mut fleet = Self { ground, wanted: Workloads::new(), crew: BTreeMap::new() };
        for name in fleet.ground.engine.container_names().await? {
            if !wanted.contains_key(&name) {
                fleet.set_goal(&name, Goal::Remove);
            }
        }
        fleet.follow(wanted);
        Ok(fleet)
    }

    /// Leads from what is wanted now to `wanted`, touching nothing else.
    pub(crate) fn follow(&mut self, wanted: Workloads) {
        self.ground.name_wanted_images(&wanted);
        self.ground.quota.follow(&wanted, &self.ground.register);
        for (name, change) in plan(&self.wanted, &wanted) {
            log::info!("{name}: {change:?}");
            self.set_goal(&name, goal(change, wanted.get(&name)));
            if let Some(workload) = wanted.get(&name) {
                self.ground.board.update(&name, |status| status.image.clone_from(&workload.image));
                self.republish(&name, workload);
            }
        }
        self.wanted = wanted;
        self.crew.retain(|_, member| !member.worker.is_finished());
    }

    /// Tells the worker of `name`, making one if there is none.
    fn set_goal(&mut self, name: &str, goal: Goal) {
        if let Some(member) = self.crew.get(name).filter(|member| !member.worker.is_finished() && *member.goal.borrow() != Goal::Remove) {
            member.goal.send_replace(goal);
            return;
        }
        let before = self.crew.remove(name).map(|member| member.worker);
        let (sender, goals) = watch::channel(goal);
        let worker = Worker::new(Arc::clone(&self.ground), name.to_owned(), goals);
        let worker = tokio::spawn(async move {
            // One that is being removed and wanted again at once: first it goes, then it comes.
            if let Some(before) = before {
                let _ = before.await;
            }
            worker.run().await;
        });
        self.crew.insert(name.to_owned(), Member { goal: sender, worker });
    }

    /// Ports change around a living process.
    fn republish(&self, name: &str, workload: &Workload) {
        if !workload.enabled || self.wanted.get(name).is_none_or(|old| old.publish == workload.publish) {
            return;
        }
        let (ground, name, ports) = (Arc::clone(&self.ground), name.to_owned(), workload.publish.clone());
        tokio::spawn(async move {
            if let Err(error) = ground.network.publish(&name, &ports).await {
                log::warn!("{name}: {error}");
            }
        });
    }

    /// Stops every workload, in time for the node to go down.
    pub(crate) async fn shut_down(self) {
        for member in self.crew.values() {
            member.goal.send_replace(Goal::Shutdown);
        }
        let all = async {
            for member in self.crew.into_values() {
                let _ = member.worker.await;
            }
        };
        if tokio::time::timeout(SHUTDOWN, all).await.is_err() {
            log::warn!("some workloads did not stop within {} s", SHUTDOWN.as_secs());
        }
    }
}

fn goal(change: Change, workload: Option<&Workload>) -> Goal {
    match (change, workload) {
        (Change::Remove, _) | (_, None) => Goal::Remove,
        (Change::Disable, _) => Goal::Rest,
        (_, Some(workload)) if workload.enabled => Goal::Run(Arc::new(workload.clone())),
        _ => Goal::Rest,
    }
}
