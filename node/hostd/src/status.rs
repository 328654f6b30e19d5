//! What is known about each workload, and the socket that tells it.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

pub(crate) use ampoule_api_types::v1::WorkloadState as State;
use ampoule_api_types::v1::{PullProgress as Pull, WorkloadIds, WorkloadIsolation, WorkloadList, WorkloadStatus as Status};
use ampoule_report::status;
use ampoule_workload::{Isolation, Workload, pull::PullProgress};

use crate::{error::HostError, quota::Quota};

/// How far a pull is, as the status document has it.
pub(crate) fn pull(progress: &PullProgress) -> Pull {
    Pull { bytes: progress.bytes(), total: progress.total(), percent: progress.percent() }
}

/// What keeps a workload from the others, as the status document has it.
fn isolation_of(workload: &Workload, isolation: Isolation) -> WorkloadIsolation {
    WorkloadIsolation {
        level: isolation.level(),
        domain: workload.selinux.type_name().to_owned(),
        ids: workload.ids(isolation).map(|ids| WorkloadIds { first: ids.first, size: ids.size }),
    }
}

/// A point in time as the status document has it.
pub(crate) fn timestamp(at: SystemTime) -> String {
    prost_types::Timestamp::from(at).to_string()
}

fn unknown_yet(name: &str) -> Status {
    Status {
        name: name.to_owned(),
        image: String::new(),
        state: State::Creating,
        pid: None,
        address: None,
        restarts: 0,
        started_at: None,
        exit_code: None,
        message: String::new(),
        pull: None,
        isolation: None,
        disk: None,
    }
}

/// The status of all workloads, shared by those who write it and the socket.
#[derive(Clone)]
pub(crate) struct Board {
    entries: Arc<Mutex<BTreeMap<String, Entry>>>,
    quota: Arc<Quota>,
}

struct Entry {
    status: Status,
    /// By which it is known what it takes of the disk, when somebody asks.
    number: Option<Isolation>,
}

impl Board {
    /// An empty one; `quota` knows what each takes of the disk.
    pub(crate) fn new(quota: Arc<Quota>) -> Self {
        Self { entries: Arc::default(), quota }
    }

    /// Changes the entry of `name`, making it if it is new.
    pub(crate) fn update(&self, name: &str, change: impl FnOnce(&mut Status)) {
        self.change(name, |entry| change(&mut entry.status));
    }

    /// Tells what keeps `name` from the others.
    pub(crate) fn isolated(&self, name: &str, workload: &Workload, isolation: Isolation) {
        self.change(name, |entry| {
            entry.number = Some(isolation);
            entry.status.isolation = Some(isolation_of(workload, isolation));
        });
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut Entry)) {
        let mut entries = self.lock();
        change(entries.entry(name.to_owned()).or_insert_with(|| Entry { status: unknown_yet(name), number: None }));
    }

    /// Forgets `name`.
    pub(crate) fn remove(&self, name: &str) {
        self.lock().remove(name);
    }

    fn json(&self) -> Vec<u8> {
        let list = WorkloadList {
            workloads: self.lock().values().map(|entry| self.now(entry)).collect(),
            shared_volumes: self.quota.of_shared(),
            without_disk_limits: self.quota.missing().map(str::to_owned),
        };
        serde_json::to_vec(&list).unwrap_or_default()
    }

    /// With what it takes of the disk in this moment.
    fn now(&self, entry: &Entry) -> Status {
        Status { disk: entry.number.and_then(|number| self.quota.of_workload(number)), ..entry.status.clone() }
    }

    /// A writer that panicked leaves an entry that is at worst half changed; telling it is still better than not.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens the status socket and answers on it from now on.
pub(crate) fn serve(path: &Path, board: Board) -> Result<(), HostError> {
    let listener = status::bind(path).map_err(HostError::file("listen on", path))?;
    tokio::spawn(status::serve(listener, move || std::future::ready(board.json())));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_as_agreed() {
        let board = Board::new(Arc::new(Quota::open(Path::new("/proc"), Path::new("/nowhere"))));
        board.update("web", |entry| {
            entry.image = "nginx".into();
            entry.state = State::BackingOff;
            entry.pull = Some(Pull { bytes: 1, total: 4, percent: 25 });
        });
        let json: serde_json::Value = serde_json::from_slice(&board.json()).expect("valid");
        let web = &json["workloads"][0];
        assert_eq!((&web["name"], &web["state"]), (&"web".into(), &"backing-off".into()));
        assert_eq!(web["pull"]["percent"], 25);
        assert!(web["exit-code"].is_null() && web["started-at"].is_null());
        assert!(
            json["without-disk-limits"].as_str().is_some_and(|why| why.contains("no quotas")),
            "it is not said that nothing is limited: {json}"
        );
    }

    #[test]
    fn times_are_rfc_3339() {
        assert_eq!(timestamp(SystemTime::UNIX_EPOCH), "1970-01-01T00:00:00Z");
    }
}
