//! Whether something answers.

use crate::{agents::Agents, fetch::outcome_of};
use ampoule_fetchwire::{Kind, Outcome, Probe};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

pub(crate) fn outcome(probe: &Probe, agents: &Agents) -> Outcome {
    match probe {
        Probe::Http { url, timeout_ms } => http(url, Duration::from_millis(*timeout_ms), agents),
        Probe::Tcp { address, timeout_ms } => tcp(address, Duration::from_millis(*timeout_ms)),
    }
}

fn http(url: &str, time: Duration, agents: &Agents) -> Outcome {
    let agent = match agents.direct(url) {
        Ok(agent) => agent,
        Err(error) => return Outcome::failed(Kind::Unreachable, error.to_string()),
    };
    match agent.get(url).config().timeout_global(Some(time)).max_redirects(0).max_redirects_will_error(false).build().call() {
        Ok(response) if matches!(response.status().as_u16(), 200..=399) => Outcome::Ok { length: None },
        Ok(response) => Outcome::failed(Kind::Answer, format!("the answer was {}", response.status())),
        Err(error) => outcome_of(&error),
    }
}

fn tcp(address: &str, time: Duration) -> Outcome {
    let end = Instant::now() + time;
    let addresses = match address.to_socket_addrs() {
        Ok(addresses) => addresses,
        Err(error) => return Outcome::failed(Kind::Unreachable, error.to_string()),
    };
    let mut last = Outcome::failed(Kind::Unreachable, "the name has no address");
    for address in addresses {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Outcome::failed(Kind::TooSlow, "no connection in time");
        }
        match TcpStream::connect_timeout(&address, left) {
            Ok(_) => return Outcome::Ok { length: None },
            Err(error) => last = Outcome::failed(Kind::Unreachable, error.to_string()),
        }
    }
    last
}
