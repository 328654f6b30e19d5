//! Handshakes under way, of callers that nobody knows yet. There are few places; who comes when all are taken is let in, and in his stead goes who came first of those from where most are.
//! So nobody is kept out by callers that say nothing, and those from elsewhere are not even noticed.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ampoule_report::Tally;
use tokio::sync::oneshot;

/// Handshakes at once. Each may hold a record of 16 KiB and a chain of certificates.
const MAX_HANDSHAKES: usize = 64;
/// How often it is told that callers were turned away: strangers can have that as often as they like.
const TELL: Duration = Duration::from_secs(10);

/// All that are under way.
pub(crate) struct Lobby(Arc<Mutex<Inside>>);

struct Inside {
    /// By the order in which they came.
    seats: BTreeMap<u64, Seat>,
    next: u64,
    turned_away: Tally,
}

struct Seat {
    source: IpAddr,
    /// Never sent: who waits for it learns that it is gone.
    _stays: oneshot::Sender<Infallible>,
}

/// A place, until it is dropped.
pub(crate) struct Ticket {
    lobby: Arc<Mutex<Inside>>,
    number: u64,
    taken_away: oneshot::Receiver<Infallible>,
}

impl Lobby {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Inside { seats: BTreeMap::new(), next: 0, turned_away: Tally::once_in(TELL) })))
    }

    /// A place for a caller from this address.
    pub(crate) fn enter(&self, from: IpAddr) -> Ticket {
        let (stays, taken_away) = oneshot::channel();
        let mut inside = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if inside.seats.len() >= MAX_HANDSHAKES {
            let goes = inside.who_goes();
            drop(goes.and_then(|number| inside.seats.remove(&number)));
        }
        let number = inside.next;
        inside.next += 1;
        inside.seats.insert(number, Seat { source: source(from), _stays: stays });
        Ticket { lobby: Arc::clone(&self.0), number, taken_away }
    }

    /// Somebody was turned away: how many were since that was last told, if it is time to tell.
    pub(crate) fn turned_away(&self) -> Option<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).turned_away.more(Instant::now())
    }
}

impl Inside {
    /// The first of those from where most are; of several such places, where the first of all is.
    fn who_goes(&self) -> Option<u64> {
        let mut crowds: BTreeMap<IpAddr, (usize, u64)> = BTreeMap::new();
        for (number, seat) in &self.seats {
            crowds.entry(seat.source).or_insert((0, *number)).0 += 1;
        }
        crowds.into_values().max_by_key(|(size, first)| (*size, u64::MAX - first)).map(|(_, first)| first)
    }
}

impl Ticket {
    /// Waits until somebody else has the place.
    pub(crate) async fn is_taken_away(&mut self) {
        // Nothing is ever sent.
        let _ = (&mut self.taken_away).await;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.lobby.lock().unwrap_or_else(PoisonError::into_inner).seats.remove(&self.number);
    }
}

/// What one caller can hardly have many of: an address of IPv4, the network part of one of IPv6 (RFC 6177).
fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        own => own,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn is_in(ticket: &Ticket) -> bool {
        ticket.lobby.lock().expect("lock").seats.contains_key(&ticket.number)
    }

    #[test]
    fn a_crowd_makes_room_by_itself_and_others_stay() {
        let lobby = Lobby::new();
        let (quiet, mapped) = (lobby.enter(address("192.0.2.1")), lobby.enter(address("::ffff:192.0.2.1")));
        let crowd: Vec<Ticket> = (0..1000).map(|n| lobby.enter(address(&format!("2001:db8::{n:x}")))).collect();
        let late = lobby.enter(address("192.0.2.2"));
        assert!(is_in(&quiet) && is_in(&mapped) && is_in(&late));
        let staying: Vec<usize> = (0..crowd.len()).filter(|n| is_in(&crowd[*n])).collect();
        assert_eq!(staying, (1000 - (MAX_HANDSHAKES - 3)..1000).collect::<Vec<_>>(), "the last of them stay");
        drop((quiet, mapped, late, crowd));
        assert!(lobby.0.lock().expect("lock").seats.is_empty());
    }

    #[test]
    fn of_callers_from_everywhere_the_first_goes() {
        let lobby = Lobby::new();
        let all: Vec<Ticket> = (0..=MAX_HANDSHAKES).map(|n| lobby.enter(address(&format!("192.0.2.{n}")))).collect();
        assert!(!is_in(&all[0]) && all[1..].iter().all(is_in));
    }

    #[tokio::test]
    async fn who_loses_the_place_learns_of_it() {
        let lobby = Lobby::new();
        let mut first = lobby.enter(address("192.0.2.1"));
        let _others: Vec<Ticket> = (0..MAX_HANDSHAKES).map(|_| lobby.enter(address("192.0.2.1"))).collect();
        first.is_taken_away().await;
    }
}
