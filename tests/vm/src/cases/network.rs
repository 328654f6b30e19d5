//! The network comes and goes.

use anyhow::{Result, ensure};

use crate::{
    context::Context,
    framework::{Node, within},
    runner::Case,
};

pub(super) const CASES: &[Case] = &[Case {
    name: "carrier_is_lost_and_returns",
    about: "with the cable out the node waits; with it back it has an address and answers",
    limit: within(300),
    soak: false,
    run: carrier_is_lost_and_returns,
}];

fn carrier_is_lost_and_returns(context: &Context) -> Result<()> {
    let mut node = context.node().start()?;
    node.boots()?;
    let before = addresses(&node)?;
    ensure!(before.contains("10.0.2."), "no address of this network: {before}");

    node.cable(false)?;
    node.eventually("the API is cut off", within(30), |node| {
        let client = node.client()?.with_timeout(within(2));
        ensure!(client.os().is_err(), "it still answers");
        Ok(())
    })?;
    std::thread::sleep(within(5));
    node.cable(true)?;
    node.boots()?;
    node.eventually("the address is back", within(60), |node| {
        let now = addresses(node)?;
        ensure!(now.contains("10.0.2."), "{now}");
        Ok(())
    })?;
    let lines = node.log_of("netd")?;
    let told = lines.iter().any(|line| line.text.to_lowercase().contains("carrier"));
    ensure!(told, "netd does not tell of the carrier");
    Ok(())
}

fn addresses(node: &Node) -> Result<String> {
    let links = node.client()?.network()?.interfaces;
    Ok(links.into_iter().flat_map(|link| link.addresses).collect::<Vec<_>>().join(" "))
}
