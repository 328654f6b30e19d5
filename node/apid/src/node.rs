//! What other services of the node know: `init`'s services and timeline, status documents, logs.

use crate::answer::Refusal;
use crate::clock::unix_ms;
use ampoule_api_types::v1::{BootStep, LogQuery, ServiceState, ServiceStatus};
use ampoule_initctl::{InitClient, InitError, Phase};
use ampoule_logwire::Query;
use ampoule_report::chain;
use axum::http::StatusCode;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// Longest status document read; real ones have a few KiB.
const MAX_STATUS: u64 = 1024 * 1024;
/// A status socket answers at once or not at all.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks `init`, off the thread that serves requests.
///
/// # Errors
/// What `init` answered, as a client of the API understands it.
pub(crate) async fn init<T: Send + 'static>(
    path: &Path,
    ask: impl FnOnce(&InitClient) -> Result<T, InitError> + Send + 'static,
) -> Result<T, Refusal> {
    let path = path.to_owned();
    let asked = tokio::task::spawn_blocking(move || InitClient::connect_at(&path).and_then(|init| ask(&init))).await;
    match asked {
        Ok(answer) => answer.map_err(|e| refusal(&e).typed()),
        Err(error) => Err(Refusal::unreachable(error.to_string()).typed()),
    }
}

fn refusal(error: &InitError) -> Refusal {
    match error {
        InitError::UnknownService { .. } => Refusal::not_found(error.to_string()),
        InitError::ShuttingDown => Refusal::new(StatusCode::CONFLICT, ampoule_api_types::v1::ErrorCode::NotAvailable, error.to_string()),
        InitError::Unreachable { .. } | InitError::Unexpected | InitError::NotAllowed => Refusal::unreachable(chain(error)),
    }
}

/// A service as the API shows it.
pub(crate) fn service(status: ampoule_initctl::ServiceStatus) -> ServiceStatus {
    ServiceStatus {
        name: status.name.as_str().to_owned(),
        state: state(status.phase),
        pid: Some(status.pid).filter(|p| *p != 0),
        restarts: status.restarts,
        since_ms: status.since_ms,
        ready_ms: Some(status.ready_ms).filter(|ms| *ms != 0),
    }
}

/// A moment as the API shows it.
pub(crate) fn step(entry: ampoule_initctl::TimelineEntry) -> BootStep {
    BootStep { ms: entry.ms, name: entry.name.as_str().to_owned(), state: state(entry.phase) }
}

/// A state as the API shows it.
pub(crate) fn state(phase: Phase) -> ServiceState {
    match phase {
        Phase::Waiting => ServiceState::Waiting,
        Phase::Starting => ServiceState::Starting,
        Phase::Running => ServiceState::Running,
        Phase::Done => ServiceState::Done,
        Phase::BackingOff => ServiceState::BackingOff,
        Phase::Stopping => ServiceState::Stopping,
        Phase::Stopped => ServiceState::Stopped,
        Phase::Failed => ServiceState::Failed,
    }
}

/// The document a service writes to whoever connects to its status socket.
///
/// # Errors
/// The service is not there, or writes no JSON.
pub(crate) async fn status(run: &Path, name: &str) -> Result<serde_json::Value, Refusal> {
    let path = run.join(name).join("status");
    let read = async {
        let mut text = Vec::new();
        UnixStream::connect(&path).await?.take(MAX_STATUS).read_to_end(&mut text).await?;
        serde_json::from_slice(&text).map_err(std::io::Error::other)
    };
    let told =
        tokio::time::timeout(PATIENCE, read).await.map_err(|_| "it does not answer".to_owned()).and_then(|r| r.map_err(|e| e.to_string()));
    told.map_err(|e| {
        Refusal::unreachable(format!("Service `{name}` cannot be asked: {e}")).hint(format!("see `ampctl logs {name}`")).typed()
    })
}

/// A connection to the log service that has been asked; records come as JSON lines.
///
/// # Errors
/// The query means nothing, or the log service is not there.
pub(crate) async fn logs(run: &Path, query: LogQuery) -> Result<UnixStream, Refusal> {
    let query = log_query(query).map_err(|e| Refusal::bad_request(e).typed())?;
    let ask = async {
        let mut stream = UnixStream::connect(run.join("logd/query.sock")).await?;
        let mut line = ampoule_logwire::encode(&query);
        if !line.ends_with(b"\n") {
            line.push(b'\n');
        }
        stream.write_all(&line).await?;
        Ok::<_, std::io::Error>(stream)
    };
    ask.await.map_err(|e| Refusal::unreachable(format!("The log service cannot be asked: {e}")).typed())
}

fn log_query(query: LogQuery) -> Result<Query, String> {
    let sources = query.source.map(|s| s.split(',').map(str::to_owned).collect()).unwrap_or_default();
    let since_ms = query.since.map(|s| since(&s, unix_ms())).transpose()?;
    let max_level = query.level.filter(|l| *l <= 7).or(query.level.map(|_| 7));
    Ok(Query { sources, since_ms, until_ms: None, max_level, tail: query.tail, follow: query.follow })
}

/// Unix milliseconds, or an age.
fn since(text: &str, now: u64) -> Result<u64, String> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let unit = match &text[end..] {
        "" => return text.parse().map_err(|_| wrong_since(text)),
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong_since(text)),
    };
    let number: u64 = text[..end].parse().map_err(|_| wrong_since(text))?;
    Ok(now.saturating_sub(number.saturating_mul(unit)))
}

fn wrong_since(text: &str) -> String {
    format!("since={text:?} is neither Unix milliseconds nor an age like 90s, 15m, 2h, 1d")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_and_times() {
        assert_eq!(since("90s", 100_000), Ok(10_000));
        assert_eq!(since("5", 9), Ok(5));
        assert_eq!(since("9999999d", 5), Ok(0));
        assert!(since("x", 5).is_err() && since("s", 5).is_err() && since("5w", 5).is_err());
    }
}
