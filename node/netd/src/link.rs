//! The life of one link: up, carrier, DHCP.

use crate::files;
use crate::kernel::Kernel;
use crate::state::{Known, State};
use ampoule_netmodel::dhcp::{Action, Client, Lease};
use ampoule_report::chain;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::Instant;

/// How often the carrier is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// Wait before a link that failed is tried anew.
const RETRY: Duration = Duration::from_secs(2);

struct Link {
    name: String,
    kernel: Kernel,
    state: Arc<State>,
    started: Instant,
    mac: [u8; 6],
}

/// Follows a link until it is gone (then the task is aborted).
pub(crate) async fn live(name: String, kernel: Kernel, state: Arc<State>) {
    let Some(mac) = files::mac(&name) else {
        log::info!("{name} is no Ethernet link and is left alone");
        return std::future::pending().await;
    };
    let link = Link { name, kernel, state, started: Instant::now(), mac };
    loop {
        if let Err(error) = link.run().await {
            log::error!("{}: {}", link.name, chain(error.as_ref()));
        }
        tokio::time::sleep(RETRY).await;
    }
}

impl Link {
    async fn run(&self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        prepare(&self.name);
        self.kernel.up(&self.name).await?;
        let socket = socket(&self.name)?;
        let mut client = Client::new(self.mac, random()?, self.now());
        let mut carrier = true;
        let mut look = tokio::time::interval(LOOK);
        let mut packet = [0u8; 1500];
        loop {
            let wake = self.started + Duration::from_millis(client.next_wake());
            let actions = tokio::select! {
                _ = look.tick() => self.look(&mut client, &mut carrier),
                received = socket.recv(&mut packet) => client.packet(self.now(), &packet[..received?]),
                () = tokio::time::sleep_until(wake), if carrier => client.wake(self.now()),
            };
            for action in actions {
                self.carry_out(&socket, action).await;
            }
            self.state.set(&self.name, Known { mac: self.mac, carrier, word: client.word(), lease: client.lease().cloned() });
        }
    }

    fn look(&self, client: &mut Client, carrier: &mut bool) -> Vec<Action> {
        let there = files::carrier(&self.name);
        if there != *carrier {
            log::info!("{}: carrier {}", self.name, if there { "returned" } else { "lost" });
        }
        if there && !*carrier {
            client.carrier_returned(self.now());
        }
        *carrier = there;
        Vec::new()
    }

    /// A step that fails is logged; the client's own timers try again.
    async fn carry_out(&self, socket: &UdpSocket, action: Action) {
        let done: Result<(), Box<dyn std::error::Error + Send + Sync>> = match action {
            Action::Send(bytes, to) => socket.send_to(&bytes, (to, 67)).await.map(drop).map_err(Into::into),
            Action::Configure(lease) => self.configure(&lease).await,
            Action::Unconfigure(lease) => {
                // Without an address every source looks wrong to the kernel's check: it would drop all further offers.
                files::set("ipv4", &self.name, "rp_filter", "0");
                self.kernel.unconfigure(&self.name, &lease).await.map_err(Into::into)
            }
        };
        if let Err(error) = done {
            log::warn!("{}: {}", self.name, chain(error.as_ref()));
        }
    }

    async fn configure(&self, lease: &Lease) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.kernel.configure(&self.name, lease).await?;
        // Only now: before there is an address, strict checks would drop the answers of DHCP servers.
        files::set("ipv4", &self.name, "rp_filter", "2");
        log::info!("{}: {}/{} for {} s from {}", self.name, lease.address, lease.prefix, lease.seconds, lease.server);
        Ok(())
    }

    /// Milliseconds of this link's own clock.
    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

fn prepare(link: &str) {
    files::set("ipv4", link, "rp_filter", "0");
    // 2: also on a node that forwards for its containers.
    files::set("ipv6", link, "accept_ra", "2");
    files::set("ipv6", link, "autoconf", "1");
}

/// Receives what is broadcast to clients on this link, and sends from it alone.
fn socket(link: &str) -> io::Result<UdpSocket> {
    let socket = rustix::net::socket_with(
        rustix::net::AddressFamily::INET,
        rustix::net::SocketType::DGRAM,
        rustix::net::SocketFlags::CLOEXEC | rustix::net::SocketFlags::NONBLOCK,
        None,
    )?;
    // Each link has such a socket on the same port.
    rustix::net::sockopt::set_socket_reuseaddr(&socket, true)?;
    rustix::net::sockopt::set_socket_broadcast(&socket, true)?;
    let socket = UdpSocket::from_std(socket.into())?;
    socket.bind_device(Some(link.as_bytes()))?;
    rustix::net::bind(&socket, &std::net::SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 68))?;
    Ok(socket)
}

/// A number that others on the network cannot guess.
fn random() -> io::Result<u32> {
    let mut bytes = [0; 4];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
    Ok(u32::from_ne_bytes(bytes))
}
