//! An address is lent: the node asks for it again in time, and does without it when nobody lends it any more.

use std::time::{Duration, Instant};

use ampoule_api_types::v1::InterfaceStatus;
use anyhow::{Result, ensure};

use super::outside::{beside_a_stranger, strangers_link};
use crate::{
    context::Context,
    framework::wire::NODE_V4,
    framework::{Node, within},
    runner::Case,
};

pub(super) const CASES: &[Case] = &[Case {
    name: "a_lease_is_renewed_and_given_up",
    about: "an address leased for 60 s is asked for again before it ends and stays; when no server answers any more it goes at its end, not before, and comes back with the server",
    limit: within(480),
    soak: false,
    run: a_lease_is_renewed_and_given_up,
}];

/// Seconds: the shortest that a node takes for true (`lib/netmodel/src/lease.rs`).
const LEASE: u32 = 60;

fn a_lease_is_renewed_and_given_up(context: &Context) -> Result<()> {
    let (wire, mut node) = beside_a_stranger(context, "[ntp]\ntime-servers = []\n")?;
    let first = wire.gives_an_address_for(LEASE, within(90))?;
    ensure!(!first.renews(NODE_V4), "it asks for what it has, and has nothing");
    node.eventually("the address is in use", within(20), |node| is_in_use(node))?;
    // The second comes when the first lease would be over.
    for round in 1..=2 {
        let asked = wire.gives_an_address_for(LEASE, within(u64::from(LEASE)))?;
        ensure!(asked.renews(NODE_V4), "renewal {round}: it asked as if it had no address");
        is_in_use(&node)?;
    }
    let granted = Instant::now();
    node.eventually("the address is given up", within(90), |node| {
        let link = strangers_link(node)?;
        ensure!(!has_address(&link), "{link:?}");
        Ok(())
    })?;
    let held = granted.elapsed();
    ensure!(held > Duration::from_secs(u64::from(LEASE) - 5), "it was given up after {held:?} of {LEASE} s");
    wire.leaves_unanswered()?;
    wire.gives_an_address_for(LEASE, within(60))?;
    node.eventually("the address is back", within(20), |node| is_in_use(node))?;
    node.stops_at_the_power_button()
}

fn has_address(link: &InterfaceStatus) -> bool {
    link.addresses.iter().any(|address| address.starts_with(&format!("{NODE_V4}/")))
}

fn is_in_use(node: &Node) -> Result<()> {
    let link = strangers_link(node)?;
    let bound = link.dhcp4.as_ref().is_some_and(|lease| lease.lease_seconds == Some(u64::from(LEASE)));
    ensure!(bound && has_address(&link), "{link:?}");
    Ok(())
}
