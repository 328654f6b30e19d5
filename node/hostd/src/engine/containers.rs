//! Containers: the records from which tasks are started.

use std::{
    collections::{BTreeMap, HashMap},
    time::SystemTime,
};

use ampoule_workload::Isolation;
use containerd_client::services::v1::{
    Container as Record, CreateContainerRequest, DeleteContainerRequest, GetContainerRequest, ListContainersRequest, container::Runtime,
};
use prost_types::Any;

use super::{Engine, SNAPSHOTTER, failed, request};
use crate::error::{HostError, ignore_missing};

/// Label with [`ampoule_workload::Workload::container_digest`].
const DIGEST: &str = "org.ampoule.workload-digest";
/// Label with its [`Isolation`].
const ISOLATION: &str = "org.ampoule.isolation";
/// Label with the number of the image's stop signal.
const STOP_SIGNAL: &str = "org.ampoule.stop-signal";
const RUNTIME: &str = "io.containerd.runc.v2";
const SPEC_TYPE: &str = "types.containerd.io/opencontainers/runtime-spec/1/Spec";

/// A container as it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Container {
    /// Digest of the workload it was made from.
    pub(crate) digest: String,
    /// Signal that asks it to end.
    pub(crate) stop_signal: u32,
    /// When it was made.
    pub(crate) created: SystemTime,
}

/// What a container is made of.
pub(crate) struct NewContainer<'a> {
    /// Its name, and that of its writable layer.
    pub(crate) name: &'a str,
    /// Image reference.
    pub(crate) image: String,
    /// Digest of the workload.
    pub(crate) digest: String,
    /// Signal that asks it to end.
    pub(crate) stop_signal: u32,
    /// What keeps it from the others.
    pub(crate) isolation: Isolation,
    /// Runtime document as JSON.
    pub(crate) spec: Vec<u8>,
}

impl Engine {
    /// The container called `name`, if there is one.
    pub(crate) async fn container(&self, name: &str) -> Result<Option<Container>, HostError> {
        let call = self.client.containers().get(request(GetContainerRequest { id: name.to_owned() })).await;
        match call.map_err(failed("look up the container")) {
            Ok(answer) => Ok(answer.into_inner().container.map(read)),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The names of all containers.
    pub(crate) async fn container_names(&self) -> Result<Vec<String>, HostError> {
        Ok(self.containers().await?.into_iter().map(|container| container.id).collect())
    }

    /// The isolation numbers of all containers that say one.
    pub(crate) async fn container_isolations(&self) -> Result<BTreeMap<String, Isolation>, HostError> {
        let number = |record: &Record| record.labels.get(ISOLATION)?.parse::<u16>().ok()?.try_into().ok();
        Ok(self.containers().await?.into_iter().filter_map(|record| Some((record.id.clone(), number(&record)?))).collect())
    }

    async fn containers(&self) -> Result<Vec<Record>, HostError> {
        let call = self.client.containers().list(request(ListContainersRequest::default())).await;
        Ok(call.map_err(failed("list containers"))?.into_inner().containers)
    }

    /// Makes the record of a container; its writable layer must be there already.
    pub(crate) async fn create_container(&self, new: NewContainer<'_>) -> Result<(), HostError> {
        let call = CreateContainerRequest { container: Some(record(new)) };
        self.client.containers().create(request(call)).await.map(drop).map_err(failed("create the container"))
    }

    /// Forgets a container.
    pub(crate) async fn remove_container(&self, name: &str) -> Result<(), HostError> {
        let call = self.client.containers().delete(request(DeleteContainerRequest { id: name.to_owned() })).await;
        ignore_missing(call.map(drop).map_err(failed("remove the container")))
    }
}

fn record(new: NewContainer<'_>) -> Record {
    Record {
        id: new.name.to_owned(),
        labels: HashMap::from([
            (DIGEST.to_owned(), new.digest),
            (STOP_SIGNAL.to_owned(), new.stop_signal.to_string()),
            (ISOLATION.to_owned(), u16::from(new.isolation).to_string()),
        ]),
        image: new.image,
        runtime: Some(Runtime { name: RUNTIME.to_owned(), options: None }),
        spec: Some(Any { type_url: SPEC_TYPE.to_owned(), value: new.spec }),
        snapshotter: SNAPSHOTTER.to_owned(),
        snapshot_key: new.name.to_owned(),
        ..Default::default()
    }
}

fn read(record: Record) -> Container {
    let label = |name| record.labels.get(name).cloned().unwrap_or_default();
    Container {
        digest: label(DIGEST),
        stop_signal: label(STOP_SIGNAL).parse().unwrap_or(15),
        created: record.created_at.and_then(|at| at.try_into().ok()).unwrap_or(SystemTime::UNIX_EPOCH),
    }
}
