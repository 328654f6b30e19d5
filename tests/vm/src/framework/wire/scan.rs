//! A scan of all ports from outside: each is knocked at until it has said what it is.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use anyhow::Result;

use super::{
    Transport, Wire,
    frame::{Said, datagram, said, segment},
};

/// Knocks that are under way at once: fewer than an emulated card holds.
const AT_ONCE: usize = 128;
/// A port that has said nothing for this long is knocked at again.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often each is knocked at before it counts as silent.
const KNOCKS: usize = 3;
/// Where knocks come from.
const OWN_PORT: u16 = 40_000;

/// What a scan has found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Scan {
    /// Ports that something answers at.
    pub(crate) open: BTreeSet<u16>,
    /// How many have said that nothing is there.
    pub(crate) closed: usize,
    /// Ports that said nothing: a datagram that was taken, or one that was lost on purpose.
    pub(crate) silent: BTreeSet<u16>,
}

impl Wire {
    /// Knocks at all ports of `to`.
    pub(crate) fn scan(&self, transport: Transport, from: IpAddr, to: IpAddr) -> Result<Scan> {
        let mut found = Scan { silent: (1..=u16::MAX).collect(), ..Scan::default() };
        let own = SocketAddr::new(from, OWN_PORT);
        for _ in 0..KNOCKS {
            let left: Vec<u16> = found.silent.iter().copied().collect();
            for ports in left.chunks(AT_ONCE) {
                for port in ports {
                    self.send(&knock(transport, own, SocketAddr::new(to, *port)))?;
                }
                self.gather(ports, &mut found, (transport, own, to))?;
            }
        }
        Ok(found)
    }

    /// Until all of `ports` have spoken, or nobody does.
    fn gather(&self, ports: &[u16], found: &mut Scan, (transport, own, to): (Transport, SocketAddr, IpAddr)) -> Result<()> {
        while ports.iter().any(|port| found.silent.contains(port)) {
            let Some(frame) = self.next(Instant::now() + PATIENCE)? else { return Ok(()) };
            match said(&frame, transport, OWN_PORT) {
                Some(Said::Closed(port)) if found.silent.remove(&port) => found.closed += 1,
                Some(Said::Open(port)) if found.silent.remove(&port) => {
                    found.open.insert(port);
                    // It would wait for the rest of a connection.
                    self.send(&segment(own, SocketAddr::new(to, port), true))?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn knock(transport: Transport, from: SocketAddr, to: SocketAddr) -> Vec<u8> {
    match transport {
        Transport::Tcp => segment(from, to, false),
        Transport::Udp => datagram(from, to, b"is anybody there?"),
    }
}
