//! Commands in workloads that tell whether these are well: asked for by name, run in the workload's container, within a time limit.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use ampoule_workload::check::{Check, Checks, MAX_CHECKS_BYTES, MAX_LINE, Outcome, Request, Tail, line};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream, unix::pipe},
    sync::{Semaphore, oneshot},
    task::JoinHandle,
    time::timeout,
};

use crate::{
    engine::{Exec, TaskState},
    error::HostError,
    files,
    ground::Ground,
    output::open_fifo,
};

/// Commands that run at once; further ones wait for their turn, unread.
const AT_ONCE: usize = 4;
/// Given to whoever asks for its line, and for taking ours.
const PATIENCE: Duration = Duration::from_secs(2);
/// Given to each step of taking a process away that was not done in time.
const CLEAR: Duration = Duration::from_secs(4);
/// Wait after a connection that could not be taken.
const PAUSE: Duration = Duration::from_millis(50);
/// Bytes read at once.
const CHUNK: usize = 4096;
const SIGKILL: u32 = 9;

/// Opens the socket and answers on it from now on.
pub(crate) fn serve(ground: Arc<Ground>) -> Result<(), HostError> {
    let path = &ground.options.checks_socket;
    // Who may come near is decided by the folder, as with the status; all that can be asked for is what settings say.
    let listener = ampoule_report::status::bind(path).map_err(HostError::file("listen on", path))?;
    tokio::spawn(accept_all(listener, move |request| {
        let ground = Arc::clone(&ground);
        async move { perform(&ground, &request.check).await }
    }));
    Ok(())
}

async fn accept_all<F, R>(listener: UnixListener, perform: F)
where
    F: Fn(Request) -> R + Clone + Send + 'static,
    R: Future<Output = Outcome> + Send,
{
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let Ok(turn) = Arc::clone(&turns).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let perform = perform.clone();
                tokio::spawn(async move {
                    answer(stream, perform).await;
                    drop(turn);
                });
            }
            Err(error) => {
                log::warn!("the socket of checks takes no connection: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// One line in, one line out. Who does not keep to that, or went, is no concern of ours.
async fn answer<R: Future<Output = Outcome>>(stream: UnixStream, perform: impl Fn(Request) -> R) {
    let mut stream = BufReader::new(stream);
    let mut asked = Vec::new();
    let mut bounded = (&mut stream).take(MAX_LINE as u64);
    if !matches!(timeout(PATIENCE, bounded.read_until(b'\n', &mut asked)).await, Ok(Ok(1..))) {
        return;
    }
    let outcome = match serde_json::from_slice(&asked) {
        Ok(request) => perform(request).await,
        Err(error) => Outcome::failed(&format!("this does not ask for a check: {error}")),
    };
    let _ = timeout(PATIENCE, stream.get_mut().write_all(&line(&outcome))).await;
}

/// Runs the check that settings know under this name.
async fn perform(ground: &Ground, name: &str) -> Outcome {
    match find(&ground.options.checks, name) {
        Ok(Some(check)) => run(ground, &check).await.unwrap_or_else(|error| Outcome::failed(&error.to_string())),
        Ok(None) => Outcome::failed("settings know no command of this name"),
        Err(error) => Outcome::failed(&error.to_string()),
    }
}

fn find(path: &Path, name: &str) -> Result<Option<Check>, HostError> {
    let Some(text) = files::read_bounded(path, MAX_CHECKS_BYTES)? else { return Ok(None) };
    let mut checks: Checks = files::parse_secret(path, &text)?;
    Ok(checks.remove(name))
}

async fn run(ground: &Ground, check: &Check) -> Result<Outcome, HostError> {
    let (engine, container) = (&ground.engine, check.workload.as_str());
    if !matches!(engine.task(container).await?, TaskState::Running { .. }) {
        return Ok(Outcome::failed(&format!("the workload {container} does not run")));
    }
    let id = new_id();
    let listener = Listener::open(ground.folder(container)?.join(&id))?;
    let exec = Exec { container, id: &id };
    let life = async {
        engine.start_exec(exec, &check.command, &listener.fifo).await?;
        Ok::<_, HostError>(engine.wait_exec(exec).await)
    };
    let ended = timeout(check.limit(), life).await;
    clear(ground, exec, ended.is_err()).await;
    let said = listener.finish().await;
    Ok(match ended {
        Ok(exit) => Outcome::ended(exit?.code, &said),
        Err(_) => Outcome::late(check.limit(), &said),
    })
}

/// Takes away what there is of it; one that still runs is ended first.
async fn clear(ground: &Ground, exec: Exec<'_>, runs: bool) {
    let engine = &ground.engine;
    if runs {
        let _ = timeout(CLEAR, engine.kill_exec(exec, SIGKILL)).await;
        let _ = timeout(CLEAR, engine.wait_exec(exec)).await;
    }
    match timeout(CLEAR, engine.remove_exec(exec)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => log::warn!("{}: a check's command is left: {error}", exec.container),
        Err(_) => log::warn!("{}: a check's command is left: containerd does not answer", exec.container),
    }
}

/// A name that no process had before, in this life or in an earlier one of this program.
fn new_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("check-{}-{}", since.as_millis(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Keeps the end of what a command says.
struct Listener {
    fifo: PathBuf,
    stop: oneshot::Sender<()>,
    reader: JoinHandle<Tail>,
}

impl Listener {
    fn open(fifo: PathBuf) -> Result<Self, HostError> {
        let receiver = open_fifo(&fifo)?;
        let (stop, stopped) = oneshot::channel();
        Ok(Self { fifo, stop, reader: tokio::spawn(listen(receiver, stopped)) })
    }

    /// What was said. Call it when nobody writes any more.
    async fn finish(self) -> Tail {
        let _ = self.stop.send(());
        let said = self.reader.await.unwrap_or_default();
        if let Err(error) = std::fs::remove_file(&self.fifo) {
            log::debug!("{}: {error}", self.fifo.display());
        }
        said
    }
}

async fn listen(mut fifo: pipe::Receiver, mut stopped: oneshot::Receiver<()>) -> Tail {
    let (mut buffer, mut tail) = (vec![0; CHUNK], Tail::default());
    loop {
        let read = tokio::select! {
            biased;
            _ = &mut stopped => break,
            read = fifo.read(&mut buffer) => read,
        };
        match read {
            Ok(length) => tail.push(&buffer[..length]),
            Err(_) => return tail,
        }
    }
    // What one that was not ended goes on to say is not waited for.
    for _ in 0..PIPE_PIECES {
        match fifo.try_read(&mut buffer) {
            Ok(length @ 1..) => tail.push(&buffer[..length]),
            _ => break,
        }
    }
    tail
}

/// As many pieces as a pipe holds at most (`pipe(7)`: 64 KiB).
const PIPE_PIECES: usize = 64 * 1024 / CHUNK;

#[cfg(test)]
mod tests;
