//! Listeners and connections, bounded in number, size and time.

use crate::Shared;
use crate::role::{Caller, Role};
use crate::{peer, routes};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixListener;
use tokio::sync::Semaphore;

/// Connections served at once; more wait. Each may hold a request body, so this bounds memory.
const MAX_CONNECTIONS: usize = 64;
/// A client that has not sent its request's head by then is not going to.
const HEADER_PATIENCE: Duration = Duration::from_secs(10);

/// Binds the API's socket, for root and its group.
///
/// # Errors
/// The kernel's.
pub(crate) fn bind(path: &Path) -> io::Result<UnixListener> {
    let listener = ampoule_report::listen(path, 0o660)?;
    listener.set_nonblocking(true)?;
    UnixListener::from_std(listener)
}

/// Serves programs of the node.
pub(crate) async fn serve_local(listener: UnixListener, shared: Arc<Shared>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let caller = Caller { role: Role::Admin, name: peer::name(&stream) };
                let connection = serve(stream, Arc::clone(&shared), caller);
                tokio::spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
            // Out of descriptors, most likely: let some be closed.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Serves one connection to its end.
pub(crate) async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S, shared: Arc<Shared>, caller: Caller) {
    let service = TowerToHyperService::new(routes::router(shared, caller));
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER_PATIENCE).max_buf_size(64 * 1024);
    // A client that goes away in the middle is its own affair.
    let _ = http.serve_connection(TokioIo::new(stream), service).await;
}
