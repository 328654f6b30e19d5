//! Pulling an image through containerd's transfer service.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use ampoule_workload::{Reference, image::ARCHITECTURE, pull::PullProgress};
use containerd_client::{
    services::v1::{TransferOptions, TransferRequest},
    to_any,
    types::{
        Platform,
        transfer::{AuthRequest, ImageStore, OciRegistry, Progress, RegistryResolver, UnpackConfiguration},
    },
};

use prost::Message;
use prost_types::Any;
use tokio::time::Instant;

use super::{Engine, SNAPSHOTTER, request, stream::SideChannel};
use crate::{credentials::Credentials, error::HostError};

/// When no pull has had any news for this long, each is given up and tried again: a registry that
/// vanished without closing its connection would hold it forever. Slow registries still send a packet a
/// minute. News of any pull counts, because one waits for another that fetches or unpacks the same layer.
const STALLED_AFTER: Duration = Duration::from_secs(60);

/// What a pull may use.
#[derive(Clone, Debug)]
pub(crate) struct PullOptions {
    /// Folder with a folder per registry that has a `hosts.toml`.
    pub(crate) hosts: PathBuf,
    /// File with the credentials for registries; read anew at each pull.
    pub(crate) credentials: PathBuf,
}

/// Names of side channels must differ within containerd's life.
static NEXT_CHANNEL: AtomicU64 = AtomicU64::new(0);

impl Engine {
    /// Pulls and unpacks `reference`; `news` hears how far it is.
    pub(crate) async fn pull(&self, reference: &Reference, options: &PullOptions, news: impl Fn(&PullProgress)) -> Result<(), HostError> {
        let number = format!("{}-{}", std::process::id(), NEXT_CHANNEL.fetch_add(1, Ordering::Relaxed));
        let (progress_id, auth_id) = (format!("progress-{number}"), format!("auth-{number}"));
        let progress = self.side_channel(&progress_id).await?;
        let auth = self.side_channel(&auth_id).await?;
        let transfer = TransferRequest {
            source: Some(to_any(&source(reference, options, auth_id))),
            destination: Some(to_any(&destination(reference))),
            options: Some(TransferOptions { progress_stream: progress_id }),
        };
        let credentials = Credentials::read(&options.credentials)?;
        let answering = answer_auth(auth, &credentials, reference);
        let outcome = tokio::select! {
            outcome = self.transfer(transfer) => outcome,
            reason = self.watch(progress, news) => Err(reason),
            () = answering => Err("containerd stopped asking".to_owned()),
        };
        outcome.map_err(|reason| HostError::Pull { reference: reference.to_string(), reason })
    }

    async fn transfer(&self, transfer: TransferRequest) -> Result<(), String> {
        let answer = self.client.transfer().transfer(request(transfer)).await;
        answer.map(drop).map_err(|status| status.message().to_owned())
    }

    /// Passes reports on; returns only when all pulls have stalled.
    async fn watch(&self, mut channel: SideChannel, news: impl Fn(&PullProgress)) -> String {
        let mut progress = PullProgress::default();
        self.last_news.set(Instant::now());
        loop {
            match tokio::time::timeout_at(self.last_news.get() + STALLED_AFTER, channel.receive()).await {
                Err(_) if self.last_news.get().elapsed() < STALLED_AFTER => {}
                Err(_) => return format!("nothing has come for {} s", STALLED_AFTER.as_secs()),
                // The end of the transfer call says how it went; there is nothing more to report here.
                Ok(None) => std::future::pending().await,
                Ok(Some(message)) => {
                    self.last_news.set(Instant::now());
                    take_report(&message, &mut progress, &news);
                }
            }
        }
    }
}

fn take_report(message: &Any, progress: &mut PullProgress, news: &impl Fn(&PullProgress)) {
    let Some(report) = decode::<Progress>(message) else { return };
    if progress.report(&report.name, report.progress, report.total) {
        news(progress);
    }
}

/// HTTPS unless `hosts.toml` says otherwise, for `localhost` too.
fn source(reference: &Reference, options: &PullOptions, auth_stream: String) -> OciRegistry {
    let resolver = RegistryResolver {
        auth_stream,
        host_dir: options.hosts.display().to_string(),
        default_scheme: "https".to_owned(),
        ..Default::default()
    };
    OciRegistry { reference: reference.to_string(), resolver: Some(resolver) }
}

fn destination(reference: &Reference) -> ImageStore {
    let platform = Platform { os: "linux".to_owned(), architecture: ARCHITECTURE.to_owned(), ..Default::default() };
    let unpack = UnpackConfiguration { platform: Some(platform.clone()), snapshotter: SNAPSHOTTER.to_owned() };
    ImageStore { name: reference.to_string(), platforms: vec![platform], unpacks: vec![unpack], ..Default::default() }
}

/// Answers containerd's questions for credentials, as long as it asks.
async fn answer_auth(mut channel: SideChannel, credentials: &Credentials, reference: &Reference) {
    while let Some(message) = channel.receive().await {
        let Some(question) = decode::<AuthRequest>(&message) else {
            continue;
        };
        channel.send(to_any(&credentials.answer(&question.host, reference.registry()))).await;
    }
    std::future::pending().await
}

/// Decodes by the type we expect: containerd's type names lack the scheme that `Any::to_msg` wants.
fn decode<T: Message + Default>(message: &Any) -> Option<T> {
    T::decode(message.value.as_slice()).ok()
}
