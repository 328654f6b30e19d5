//! The writable layers of containers.

use ampoule_workload::isolation::IdRange;
use containerd_client::{
    services::v1::snapshots::{PrepareSnapshotRequest, RemoveSnapshotRequest, StatSnapshotRequest},
    types::Mount,
};

use super::{Engine, SNAPSHOTTER, failed, request};
use crate::error::{HostError, ignore_missing};

/// Keeps a snapshot from being collected before its container exists. Removing the snapshot by
/// name, as we always do, is not hindered by it.
const KEEP: &str = "containerd.io/gc.root";

/// Labels of a snapshot with its mappings (containerd's `core/snapshots/snapshotter.go`).
const MAPPINGS: [&str; 2] = ["containerd.io/snapshot/uidmapping", "containerd.io/snapshot/gidmapping"];

impl Engine {
    /// True if the layers with this chain are unpacked.
    pub(crate) async fn is_unpacked(&self, chain_id: &str) -> Result<bool, HostError> {
        let wanted = StatSnapshotRequest { snapshotter: SNAPSHOTTER.to_owned(), key: chain_id.to_owned() };
        match self.client.snapshots().stat(request(wanted)).await.map_err(failed("look up the image's layers")) {
            Ok(_) => Ok(true),
            Err(error) if error.is_missing() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Makes a writable layer `key` over the layers of `chain_id`. With `ids`, its mounts map the ids of the layers to these, and root's
    /// new files are the first one's.
    pub(crate) async fn prepare_snapshot(&self, key: &str, chain_id: &str, ids: Option<IdRange>) -> Result<Vec<Mount>, HostError> {
        let mapping = ids.map(|ids| format!("0:{}:{}", ids.first, ids.size));
        let mapped = mapping.iter().flat_map(|mapping| MAPPINGS.map(|label| (label.to_owned(), mapping.clone())));
        let wanted = PrepareSnapshotRequest {
            snapshotter: SNAPSHOTTER.to_owned(),
            key: key.to_owned(),
            parent: chain_id.to_owned(),
            labels: [(KEEP.to_owned(), "true".to_owned())].into_iter().chain(mapped).collect(),
        };
        let answer = self.client.snapshots().prepare(request(wanted)).await;
        Ok(answer.map_err(failed("prepare the root file system"))?.into_inner().mounts)
    }

    /// Removes a writable layer and everything written to it.
    pub(crate) async fn remove_snapshot(&self, key: &str) -> Result<(), HostError> {
        let wanted = RemoveSnapshotRequest { snapshotter: SNAPSHOTTER.to_owned(), key: key.to_owned() };
        let answer = self.client.snapshots().remove(request(wanted)).await;
        ignore_missing(answer.map(drop).map_err(failed("remove the root file system")))
    }
}
