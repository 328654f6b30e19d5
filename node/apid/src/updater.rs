//! The updater: what is asked of it over its socket, and what becomes of its updates.

use crate::Shared;
use ampoule_api_types::UpdateState;
use ampoule_api_types::v1::{BootTrialState, EventKind, Updates};
use ampoule_update::command::{Answer, MAX_ANSWER, Refusal, Request};
use serde::de::DeserializeOwned;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// The service, which not every image has.
const SERVICE: &str = "updated";

/// How long the updater may take for an answer. It writes to the boot partition for some, whose disk may be slow.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The same for a plan, for which it asks the repository.
pub(crate) const PLAN_PATIENCE: Duration = Duration::from_secs(120);

/// How often its state is looked at for those who follow events.
const PAUSE: Duration = Duration::from_secs(3);

/// Why there is no answer of use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// The image has no updater.
    #[error("Updates are not available on this image")]
    Missing,
    /// It says why not.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It does not answer.
    #[error("The updater cannot be asked: {0}")]
    Unreachable(String),
}

/// Asks the updater.
///
/// # Errors
/// It is not there, or says why not.
pub(crate) async fn ask<T: DeserializeOwned>(node: &Shared, request: &Request, patience: Duration) -> Result<T, AskError> {
    if !node.core.lock().await.image.has(SERVICE) {
        return Err(AskError::Missing);
    }
    let path = node.options.run.join(SERVICE).join("command");
    let exchange = tokio::time::timeout(patience, exchange(&path, request)).await;
    let line = exchange.map_err(|_| AskError::Unreachable("it does not answer in time".to_owned()))?;
    let line = line.map_err(|error| AskError::Unreachable(error.to_string()))?;
    match serde_json::from_slice(&line) {
        Ok(Answer::Ok(answer)) => Ok(answer),
        Ok(Answer::Refused(refusal)) => Err(refusal.into()),
        Err(error) => Err(AskError::Unreachable(format!("it answers strangely: {error}"))),
    }
}

/// One line there, one line back.
async fn exchange(path: &Path, request: &Request) -> std::io::Result<Vec<u8>> {
    let mut stream = UnixStream::connect(path).await?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line).await?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER as u64).read_to_end(&mut answer).await?;
    Ok(answer)
}

/// What is told to those who follow.
#[derive(Clone, PartialEq, Eq)]
struct Standing {
    state: UpdateState,
    version: Option<String>,
    boot: BootTrialState,
}

/// Tells of each change. A node that stands as one does that never updated tells nothing.
pub(crate) async fn follow(node: Arc<Shared>) {
    let mut prover = Prover::default();
    let mut known = Standing { state: UpdateState::Idle, version: None, boot: BootTrialState::Good };
    loop {
        tokio::time::sleep(PAUSE).await;
        match ask::<Updates>(&node, &Request::Status, PATIENCE).await {
            Ok(updates) => {
                if matches!(updates.boot.state, BootTrialState::Good | BootTrialState::FellBack) {
                    prover.prove(&node).await;
                }
                tell(&node, &mut known, standing(updates));
            }
            // Nobody tries the boots of such an image: what runs is what the node has.
            Err(AskError::Missing) => {
                if prover.prove(&node).await {
                    return;
                }
            }
            // It starts later than this program, and may be on its way up again.
            Err(_) => {}
        }
    }
}

/// Has settings prepared for versions before, once the one that runs is good.
#[derive(Default)]
struct Prover {
    /// It was said that this could not be stored.
    has_complained: bool,
}

impl Prover {
    /// Whether it is done.
    async fn prove(&mut self, node: &Shared) -> bool {
        if node.core.lock().await.is_proven() {
            return true;
        }
        // No change is half done while this is held.
        let _turn = node.turn.lock().await;
        let mut core = node.core.lock().await;
        match core.prove() {
            Ok(Some(number)) => {
                log::info!("This version is good: generation {number} has the settings for versions before it as well");
                crate::mark::write(&node.options, number);
                node.events.tell(EventKind::Committed { generation: number, author: "node".to_owned(), keys: Vec::new() });
            }
            Ok(None) => {}
            Err(error) if !self.has_complained => {
                self.has_complained = true;
                log::error!("Settings for versions before this one are not stored; it is tried again: {}", ampoule_report::chain(&error));
            }
            Err(_) => {}
        }
        core.is_proven()
    }
}

fn standing(updates: Updates) -> Standing {
    let version = updates.status.chosen_update.map(|image| image.version);
    Standing { state: updates.status.update_state, version, boot: updates.boot.state }
}

fn tell(node: &Shared, known: &mut Standing, now: Standing) {
    if *known != now {
        let Standing { state, version, boot } = now.clone();
        node.events.tell(EventKind::Update { state, version, boot });
        *known = now;
    }
}
