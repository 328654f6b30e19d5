//! What `netd` knows, from its status socket, and the name that the DNS has for an address.

use ampoule_api_types::v1::NetworkStatus;
use ampoule_base::HostName;
use ampoule_provision::dns;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::{UdpSocket, UnixStream};
use tokio::time::{Instant, sleep, timeout};

/// How often `netd` is asked again.
const LOOK: Duration = Duration::from_millis(200);
/// Longest status document, in bytes.
const MAX_STATUS: u64 = 1024 * 1024;
/// Longest wait for `netd` to say what it knows.
const STATUS_PATIENCE: Duration = Duration::from_secs(2);
/// Longest wait for one name server. They answer in milliseconds, or their own search has failed.
const DNS_PATIENCE: Duration = Duration::from_millis(1_500);
/// Most name servers asked: all there are would be as wrong, and later.
const MOST_SERVERS: usize = 2;

/// Waits until a link has an address; `None` if none has one in time.
pub(crate) async fn address(socket: &Path, limit: Duration) -> Option<(IpAddr, NetworkStatus)> {
    let end = Instant::now() + limit;
    loop {
        let asked = timeout(STATUS_PATIENCE, status(socket)).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        if let Ok(status) = asked
            && let Some(address) = first_address(&status)
        {
            return Some((address, status));
        }
        if Instant::now() + LOOK >= end {
            return None;
        }
        sleep(LOOK).await;
    }
}

async fn status(socket: &Path) -> io::Result<NetworkStatus> {
    let mut bytes = Vec::new();
    UnixStream::connect(socket).await?.take(MAX_STATUS).read_to_end(&mut bytes).await?;
    serde_json::from_slice(&bytes).map_err(Into::into)
}

fn first_address(status: &NetworkStatus) -> Option<IpAddr> {
    let all = status.interfaces.iter().flat_map(|link| &link.addresses);
    all.filter_map(|text| text.split('/').next()?.parse::<IpAddr>().ok()).find(is_the_nodes)
}

/// Not one that means only this link or this machine.
fn is_the_nodes(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !address.is_link_local() && !address.is_loopback(),
        IpAddr::V6(address) => !address.is_unicast_link_local() && !address.is_loopback(),
    }
}

/// The name that the DNS has for `address`.
///
/// # Errors
/// What the last server asked says, for a person.
pub(crate) async fn reverse(servers: &[String], port: u16, address: IpAddr) -> Result<HostName, String> {
    let mut last = "there is no name server".to_owned();
    for server in servers.iter().filter_map(|text| text.parse::<IpAddr>().ok()).take(MOST_SERVERS) {
        let asked = timeout(DNS_PATIENCE, ask(SocketAddr::new(server, port), address)).await;
        match asked.unwrap_or_else(|_| Err("no answer in time".into())) {
            Ok(name) => return Ok(name),
            Err(why) => last = format!("{server}: {why}"),
        }
    }
    Err(last)
}

async fn ask(server: SocketAddr, address: IpAddr) -> Result<HostName, String> {
    let words = |error: io::Error| error.to_string();
    let any = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).await.map_err(words)?;
    // Connected: only answers of this server arrive, and its refusals too.
    socket.connect(server).await.map_err(words)?;
    let id = crate::random::number().map_err(words)?;
    let question = dns::question(id, address).ok_or("no question can be made")?;
    socket.send(&question).await.map_err(words)?;
    let mut bytes = [0; dns::MAX_ANSWER];
    loop {
        let length = socket.recv(&mut bytes).await.map_err(words)?;
        match dns::answer(id, address, &bytes[..length]) {
            Ok(name) => return Ok(name),
            // Not to this question: the true answer may still come.
            Err(dns::DnsError::Malformed | dns::DnsError::Other) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
}
