//! containerd, as the few verbs `hostd` needs. Nothing here decides anything.

mod containers;
mod exec;
mod images;
mod pull;
mod snapshots;
mod stream;
mod tasks;

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use containerd_client::{Client, connect};
use tokio::time::Instant;
use tonic::{Code, Request, Status};

pub(crate) use containers::{Container, NewContainer};
pub(crate) use exec::Exec;
pub(crate) use pull::PullOptions;
pub(crate) use tasks::{Exit, TaskState};

use crate::error::HostError;

/// All objects of `hostd` live in this namespace of containerd.
pub(crate) const NAMESPACE: &str = "ampoule";
/// The only snapshotter on the node.
pub(crate) const SNAPSHOTTER: &str = "overlayfs";
/// Between tries to reach containerd while it starts.
const CONNECT_PAUSE: Duration = Duration::from_millis(20);

/// A connection to containerd. It is made again by itself after containerd restarts.
pub(crate) struct Engine {
    client: Client,
    /// When any pull was last heard of.
    last_news: LastNews,
}

/// A point in time that several tasks move forward.
struct LastNews(Mutex<Instant>);

impl LastNews {
    fn get(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, now: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }
}

impl Engine {
    /// Connects to `socket`, waiting for containerd as long as it takes.
    pub(crate) async fn connect(socket: &Path) -> Self {
        loop {
            match connect(socket).await {
                Ok(channel) => {
                    return Self { client: Client::from(channel), last_news: LastNews(Mutex::new(Instant::now())) };
                }
                Err(error) => log::debug!("containerd does not answer yet: {error}"),
            }
            tokio::time::sleep(CONNECT_PAUSE).await;
        }
    }
}

/// A request in our namespace.
fn request<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("containerd-namespace", tonic::metadata::MetadataValue::from_static(NAMESPACE));
    request
}

/// A closure for `map_err` on calls to containerd.
fn failed(action: &'static str) -> impl FnOnce(Status) -> HostError {
    move |status| HostError::Engine { action, is_missing: status.code() == Code::NotFound, message: status.message().to_owned() }
}
