//! The status socket: on connect one document, then closed. Never read from, so nobody can send this daemon anything through it.

use crate::state::State;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixListener;

const SOCKET: &str = "/run/ampoule/netd.status";
/// A reader that does not take a few KiB in this time does not want them.
const PATIENCE: Duration = Duration::from_secs(2);

/// Binds the socket.
///
/// # Errors
/// The kernel's.
pub(crate) fn bind() -> io::Result<UnixListener> {
    let _ = std::fs::remove_file(SOCKET);
    UnixListener::bind(SOCKET)
}

/// Answers whoever connects, one after the other.
pub(crate) async fn serve(listener: UnixListener, state: Arc<State>) {
    loop {
        match listener.accept().await {
            Ok((mut reader, _)) => {
                // Plain values always serialise.
                let document = serde_json::to_vec(&state.status()).unwrap_or_default();
                let _ = tokio::time::timeout(PATIENCE, reader.write_all(&document)).await;
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}
