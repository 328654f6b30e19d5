//! The API over the network: TLS 1.3, clients with a certificate, their role in its organisational unit.

use crate::Shared;
use crate::certificates;
use crate::listen::serve;
use crate::lobby::{Lobby, Ticket};
use crate::role::{Caller, Role};
use ampoule_settings::api::Remote as Wanted;
use rustls::pki_types::CertificateDer;
use std::net::{Ipv6Addr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use x509_parser::prelude::{FromDer, X509Certificate};

/// Connections served at once, of callers with a certificate; more wait.
const MAX_CONNECTIONS: usize = 64;
/// A handshake longer than this is no client of ours.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);

/// The listener that is open, if one is.
#[derive(Default)]
pub(crate) struct Remote(Mutex<Option<Open>>);

struct Open {
    wanted: Wanted,
    /// What new connections are met with; those that are there keep what they began with.
    acceptor: Arc<RwLock<TlsAcceptor>>,
    task: JoinHandle<()>,
}

/// Why the remote API is not open as the settings say.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RemoteError {
    /// Certificates or key.
    #[error("settings.api.remote: the certificates and the key do not make a TLS server: {0}")]
    Tls(String),
    /// The port.
    #[error("settings.api.remote: cannot listen on port {port}")]
    Port {
        /// Which.
        port: u16,
        /// Why.
        source: std::io::Error,
    },
}

/// Opens, closes or changes the listener so that it is as the settings say.
///
/// # Errors
/// [`RemoteError`]; then nothing listens.
pub(crate) async fn follow(shared: &Arc<Shared>) -> Result<(), RemoteError> {
    let wanted = shared.core.lock().await.state().settings.api.remote.clone();
    let mut open = shared.remote.0.lock().await;
    if open.as_ref().is_some_and(|o| o.wanted == wanted) {
        return Ok(());
    }
    let Some(port) = wanted.open_port() else {
        close(open.take()).await;
        return Ok(());
    };
    let acceptor = match ampoule_tls::server(&wanted) {
        Ok(config) => TlsAcceptor::from(Arc::new(config)),
        Err(reason) => {
            close(open.take()).await;
            return Err(RemoteError::Tls(reason));
        }
    };
    match open.as_mut().filter(|o| o.wanted.open_port() == Some(port)) {
        // Other certificates on the same port: nobody who comes at this moment finds it closed.
        Some(same) => {
            *same.acceptor.write().unwrap_or_else(PoisonError::into_inner) = acceptor;
            same.wanted = wanted;
            log::info!("The API on port {port} has other certificates");
        }
        None => {
            close(open.take()).await;
            *open = Some(listen(shared, wanted, port, acceptor).await?);
        }
    }
    drop(open);
    certificates::announce(shared).await;
    Ok(())
}

async fn listen(shared: &Arc<Shared>, wanted: Wanted, port: u16, acceptor: TlsAcceptor) -> Result<Open, RemoteError> {
    let listener = TcpListener::bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))).await;
    let listener = listener.map_err(|source| RemoteError::Port { port, source })?;
    log::info!("The API is open on port {port}");
    let acceptor = Arc::new(RwLock::new(acceptor));
    let task = tokio::spawn(accept(listener, Arc::clone(&acceptor), Arc::clone(shared)));
    Ok(Open { wanted, acceptor, task })
}

/// Ends the listener; connections that are there go on. Until its task is gone its port is taken.
async fn close(open: Option<Open>) {
    if let Some(old) = open {
        old.task.abort();
        let _ = old.task.await;
    }
}

async fn accept(listener: TcpListener, acceptor: Arc<RwLock<TlsAcceptor>>, shared: Arc<Shared>) {
    let (lobby, places) = (Arc::new(Lobby::new()), Arc::new(Semaphore::new(MAX_CONNECTIONS)));
    loop {
        match listener.accept().await {
            Ok((stream, from)) => {
                // A caller over IPv4 is told of by its own address, not by that of the socket for both (RFC 4291 2.5.5.2).
                let from = SocketAddr::new(from.ip().to_canonical(), from.port());
                let acceptor = acceptor.read().unwrap_or_else(PoisonError::into_inner).clone();
                let (lobby, places, shared) = (Arc::clone(&lobby), Arc::clone(&places), Arc::clone(&shared));
                let ticket = lobby.enter(from.ip());
                tokio::spawn(async move {
                    match welcome(stream, ticket, acceptor, places).await {
                        Ok((stream, place)) => {
                            meet(stream, from, shared).await;
                            drop(place);
                        }
                        Err(reason) => turn_away(&lobby, from, reason),
                    }
                });
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// The handshake, and a place among those that are served: until then a caller may have to go for another.
async fn welcome(
    stream: TcpStream,
    mut ticket: Ticket,
    acceptor: TlsAcceptor,
    places: Arc<Semaphore>,
) -> Result<(TlsStream<TcpStream>, OwnedSemaphorePermit), &'static str> {
    let enters = async {
        let stream = acceptor.accept(stream).await.map_err(|_| "no TLS 1.3 with a client certificate we trust")?;
        Ok((stream, places.acquire_owned().await.map_err(|_| "the API ends")?))
    };
    tokio::select! {
        entered = enters => entered,
        () = ticket.is_taken_away() => Err("too slow while many others came"),
        () = tokio::time::sleep(HANDSHAKE_PATIENCE) => Err("no handshake in time"),
    }
}

fn turn_away(lobby: &Lobby, from: SocketAddr, reason: &str) {
    if let Some(count) = lobby.turned_away() {
        log::warn!("{count} callers were turned away, the last of them {from}: {reason}");
    }
}

/// Serves a caller whose certificate was verified.
async fn meet(stream: TlsStream<TcpStream>, from: SocketAddr, shared: Arc<Shared>) {
    match stream.get_ref().1.peer_certificates().and_then(|chain| chain.first()).and_then(caller) {
        Some(caller) => serve(stream, shared, caller).await,
        None => log::warn!("{from} was turned away: its certificate's organisational unit is not reader, operator or admin"),
    }
}

/// Role and name in a certificate that was verified.
fn caller(certificate: &CertificateDer<'_>) -> Option<Caller> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let role = parsed.subject().iter_organizational_unit().find_map(|ou| Role::named(ou.as_str().ok()?))?;
    let name = parsed.subject().iter_common_name().next().and_then(|cn| cn.as_str().ok()).unwrap_or("unnamed");
    Some(Caller { role, name: format!("certificate {name}") })
}
