//! The life of one link: up, carrier, DHCP, router advertisements.

use crate::kernel::Kernel;
use crate::parser::Parser;
use crate::shelf::Shelf;
use crate::state::{Known, State};
use crate::{clock, files, ndisc};
use ampoule_netmodel::dhcp::{Action, Client, Lease};
use ampoule_netmodel::learned::Learned;
use ampoule_netmodel::ndisc::Announcement;
use ampoule_netmodel::saved::Saved;
use ampoule_report::{Tally, chain};
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;

/// How often the carrier is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// Wait before a link that failed is tried anew.
const RETRY: Duration = Duration::from_secs(2);
/// How often what strangers send is told.
const TELL: Duration = Duration::from_secs(60);

struct Link {
    name: String,
    mac: [u8; 6],
    kernel: Kernel,
    state: Arc<State>,
    shelf: Shelf,
    parser: Parser,
}

/// What is known about a link from when it was turned on.
struct Session {
    index: u32,
    carrier: bool,
    client: Client,
    learned: Learned,
    /// What is on the shelf.
    saved: Saved,
    /// Packets that meant nothing.
    strange: Tally,
}

/// Tells what a link had in an earlier life of this daemon, before any file is made: no moment shall be without the name servers of before.
pub(crate) fn recall(name: &str, state: &State, shelf: &Shelf) {
    let Some(mac) = files::mac(name) else { return };
    let Saved { held, learned, .. } = shelf.load(name, mac, clock::now());
    let lease = held.map(|held| held.lease);
    if lease.is_some() || learned != Learned::default() {
        state.recall(name, Known { mac, lease, learned, ..Known::default() });
    }
}

/// Follows a link until it is gone (then the task is aborted).
pub(crate) async fn live(name: String, kernel: Kernel, state: Arc<State>, shelf: Shelf, parser: Parser) {
    let Some(mac) = files::mac(&name) else {
        log::info!("{name} is no Ethernet link and is left alone");
        return std::future::pending().await;
    };
    let link = Link { name, mac, kernel, state, shelf, parser };
    loop {
        if let Err(error) = link.run().await {
            log::error!("{}: {}", link.name, chain(error.as_ref()));
        }
        tokio::time::sleep(RETRY).await;
    }
}

impl Link {
    async fn run(&self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let listener = ndisc::Listener::open()?;
        let mut session = self.begin().await?;
        let socket = socket(&self.name)?;
        let mut look = tokio::time::interval(LOOK);
        let mut packet = [0u8; 1500];
        loop {
            let wake = Duration::from_millis(session.client.next_wake().saturating_sub(clock::now()));
            let mut actions = Vec::new();
            tokio::select! {
                _ = look.tick() => self.look(&mut session),
                received = socket.recv(&mut packet) => actions = self.answered(&mut session, &packet[..received?]).await,
                heard = listener.hear() => session.hear(&ndisc::read(&heard?, &self.parser).await),
                () = tokio::time::sleep(wake), if session.carrier => actions = session.client.wake(clock::now()),
            };
            for action in actions {
                self.carry_out(&socket, action).await;
            }
            self.tell(&mut session);
        }
    }

    /// What a packet makes the client do; it is read elsewhere.
    async fn answered(&self, session: &mut Session, packet: &[u8]) -> Vec<Action> {
        let Some(answer) = self.parser.dhcp(packet).await else {
            if let Some(count) = session.strange.more(Instant::now()) {
                log::warn!("{}: {count} packets that are no answer of a DHCP server came to the port of its clients", self.name);
            }
            return Vec::new();
        };
        session.client.take(clock::now(), answer)
    }

    /// Turns the link on, and goes on where an earlier life of this daemon was.
    async fn begin(&self) -> Result<Session, Box<dyn std::error::Error + Send + Sync>> {
        prepare(&self.name);
        self.kernel.up(&self.name).await?;
        let index = self.kernel.index(&self.name).await?;
        if let Err(error) = ndisc::solicit(index) {
            log::debug!("{}: routers are not asked: {error}", self.name);
        }
        let saved = self.shelf.load(&self.name, self.mac, clock::now());
        if let Some(held) = &saved.held {
            log::info!("{}: goes on with {} and asks whether it may", self.name, held.lease.address);
        }
        let client = match (&saved.held, self.shelf.remembered(&self.name, self.mac)) {
            (None, Some(address)) => {
                log::info!("{}: asks for {address}, which it had in an earlier boot", self.name);
                Client::remembering(self.mac, random()?, address, clock::now())
            }
            (held, _) => Client::resume(self.mac, random()?, held.clone(), clock::now()),
        };
        Ok(Session { index, carrier: true, client, learned: saved.learned.clone(), saved, strange: Tally::once_in(TELL) })
    }

    fn look(&self, session: &mut Session) {
        let there = files::carrier(&self.name);
        match (session.carrier, there) {
            (true, false) => {
                log::info!("{}: carrier lost", self.name);
                // Another network may be there when it returns, and its routers speak for themselves; the kernel asks them.
                session.learned = Learned::default();
            }
            (false, true) => {
                log::info!("{}: carrier returned", self.name);
                session.client.carrier_returned(clock::now());
            }
            _ => {}
        }
        session.carrier = there;
    }

    /// Tells the other parts, and the next life, what is known now.
    fn tell(&self, session: &mut Session) {
        session.learned.expire(clock::now());
        let (lease, learned) = (session.client.lease().cloned(), session.learned.clone());
        let saved = Saved { mac: self.mac, held: session.client.held().cloned(), learned: learned.clone() };
        if saved != session.saved {
            if let Err(error) = self.shelf.store(&self.name, &saved) {
                log::warn!("{}: a restart will ask for an address anew: {error}", self.name);
            }
            session.saved = saved;
        }
        let (index, carrier, word) = (session.index, session.carrier, session.client.word());
        self.state.set(&self.name, Known { mac: self.mac, carrier, word, lease, learned, index });
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
        if let Err(error) = self.shelf.remember(&self.name, self.mac, lease.address) {
            log::warn!("{}: the next boot will not ask for {}: {error}", self.name, lease.address);
        }
        Ok(())
    }
}

impl Session {
    fn hear(&mut self, announcements: &[Announcement]) {
        let ours = announcements.iter().filter(|a| a.link == self.index && self.carrier);
        ours.for_each(|a| self.learned.take(clock::now(), a));
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

#[cfg(test)]
#[path = "link_tests.rs"]
mod tests;
