//! The network comes and goes.

use ampoule_api_client::Method;
use ampoule_api_types::v1::{InterfaceStatus, NetworkStatus, WorkloadState};
use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use crate::{
    context::Context,
    framework::{Node, within},
    runner::Case,
    software::get,
};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "carrier_is_lost_and_returns",
        about: "with the cable out the node waits; with it back it has an address and answers",
        limit: within(300),
        soak: false,
        run: carrier_is_lost_and_returns,
    },
    Case {
        name: "ipv6_is_learned_and_told",
        about: "address and route of a router advertisement, and its name server, are in use and told; name servers chosen in the settings take their place",
        limit: within(300),
        soak: false,
        run: ipv6_is_learned_and_told,
    },
    Case {
        name: "a_restart_of_netd_is_no_gap",
        about: "netd started anew asks for the address it had; connections and a published port live on",
        limit: within(900),
        soak: false,
        run: a_restart_of_netd_is_no_gap,
    },
    Case {
        name: "a_reboot_asks_for_the_same_address",
        about: "after a reboot netd asks by name for the address it had, and gets it",
        limit: within(300),
        soak: false,
        run: a_reboot_asks_for_the_same_address,
    },
    Case {
        name: "workloads_reach_published_ports",
        about: "a workload reaches its own published port and another's through the node's address",
        limit: within(900),
        soak: false,
        run: workloads_reach_published_ports,
    },
];

/// The node's address in the emulator's network, and the prefix that the emulator's router announces.
const NODE: &str = "10.0.2.15";
const PREFIX: &str = "fec0::";

/// The emulator's IPv6 name server. It announces one only if this host itself has one.
fn announced() -> Vec<&'static str> {
    let host = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let mut servers = host.lines().filter_map(|line| line.strip_prefix("nameserver "));
    if servers.any(|server| server.contains(':')) { vec!["fec0::3"] } else { vec![] }
}

/// What the network offers: leased, then announced.
fn offered() -> Vec<&'static str> {
    [vec!["10.0.2.3"], announced()].concat()
}

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
    node.eventually("the routers were asked again", within(60), |node| uses(node, &offered()))?;
    let lines = node.log_of("netd")?;
    let told = lines.iter().any(|line| line.text.to_lowercase().contains("carrier"));
    ensure!(told, "netd does not tell of the carrier");
    Ok(())
}

fn ipv6_is_learned_and_told(context: &Context) -> Result<()> {
    let mut node = context.node().start()?;
    node.boots()?;
    node.eventually("the advertisement is in use", within(60), |node| uses(node, &offered()))?;
    let link = node.eventually("the address is the node's own", within(60), |node| {
        let link = the_link(&node.client()?.network()?)?;
        ensure!(link.addresses.iter().any(|a| a.starts_with(PREFIX) && a.ends_with("/64")), "{link:?}");
        Ok(link)
    })?;
    ensure!(link.addresses.iter().any(|a| a == &format!("{NODE}/24")), "{link:?}");
    let leads_out = |destination: &str| link.routes.iter().any(|r| r.destination == destination && r.gateway.is_some());
    ensure!(leads_out("0.0.0.0/0") && leads_out("::/0"), "{link:?}");
    ensure!(link.router_advertisements.name_servers == announced(), "{link:?}");

    node.set(json!({ "dns": { "name-servers": ["192.0.2.53"], "search-list": ["a.example", "b.example"] } }))?;
    node.eventually("the settings' choice is in use", within(30), |node| uses(node, &["192.0.2.53"]))?;
    let status = node.client()?.network()?;
    ensure!(status.search_list == ["a.example", "b.example"], "{status:?}");
    Ok(())
}

fn a_reboot_asks_for_the_same_address(context: &Context) -> Result<()> {
    let mut node = context.node().start()?;
    node.boots()?;
    let asks = format!("asks for {NODE}, which it had in an earlier boot");
    let has_asked = |node: &Node| -> Result<bool> { Ok(node.log_of("netd")?.iter().any(|line| line.text.contains(&asks))) };
    ensure!(!has_asked(&node)?, "there was no earlier boot");
    node.reboots()?;
    ensure!(has_asked(&node)?, "netd did not ask for its address");
    ensure!(addresses(&node)?.contains(NODE), "it has another address");
    Ok(())
}

fn a_restart_of_netd_is_no_gap(context: &Context) -> Result<()> {
    let registry = context.registry()?;
    let image = registry.image("nginx")?;
    let settings = format!("[workloads.web]\nimage = \"{image}\"\npublish = [\"8081:80\"]\n");
    let mut node = context.node().opening(8081).trusting_registry(&registry.address()).with_settings(&settings).start()?;
    node.boots()?;
    node.runs("web")?;
    let port = node.port(8081)?;
    node.eventually("nginx answers", within(90), |_| get(port, "/"))?;
    node.eventually("the advertisement is in use", within(60), |node| uses(node, &offered()))?;

    let client = node.client()?.with_timeout(within(30));
    let before = node.service("netd")?.pid;
    client.call(Method::Post, "/v1/services/netd/restart", None)?;
    // No patience: what is asked while netd comes back is answered too.
    for _ in 0..20 {
        get(port, "/").context("in the gap")?;
        std::thread::sleep(within(1) / 10);
    }
    node.eventually("netd is another process with the same lease", within(30), |node| {
        ensure!(node.service("netd")?.pid != before, "it was not restarted");
        let link = the_link(&node.client()?.network()?)?;
        let lease = link.dhcp4.clone().context("no DHCP")?;
        ensure!(lease.state == "bound" && lease.address.as_deref() == Some(NODE), "{lease:?}");
        uses(node, &offered())
    })?;
    let lines = node.log_of("netd")?;
    ensure!(lines.iter().any(|l| l.text.contains("goes on with")), "it does not say that it goes on: {lines:?}");
    Ok(())
}

/// One asks itself, one the other; both by the node's address, with the shell and the client that the image has.
fn workloads_reach_published_ports(context: &Context) -> Result<()> {
    let registry = context.registry()?;
    let image = registry.image("redis")?;
    let ask = |port: u16| format!("until redis-cli -h {NODE} -p {port} ping | grep PONG; do sleep 1; done; echo reached {port}");
    let own = format!("redis-server --protected-mode no & {}; wait", ask(7001));
    let others = format!("{}; sleep infinity", ask(7001));
    let settings = format!(
        "[workloads.own]\nimage = \"{image}\"\npublish = [\"7001:6379\"]\ncommand = [\"/bin/sh\", \"-c\", \"{own}\"]\n\
         [workloads.other]\nimage = \"{image}\"\ncommand = [\"/bin/sh\", \"-c\", \"{others}\"]\n"
    );
    let mut node = context.node().trusting_registry(&registry.address()).with_settings(&settings).start()?;
    node.boots()?;
    for name in ["other", "own"] {
        node.workload_gets(name, WorkloadState::Running, within(300))?;
        node.eventually(&format!("{name} reaches the port"), within(60), |node| {
            let lines = node.log_of(&format!("workload/{name}"))?;
            ensure!(lines.iter().any(|l| l.text == "reached 7001"), "{lines:?}");
            Ok(())
        })?;
    }
    Ok(())
}

/// The node uses exactly these name servers.
fn uses(node: &Node, servers: &[&str]) -> Result<()> {
    let status = node.client()?.network()?;
    ensure!(status.name_servers == servers, "{status:?}");
    Ok(())
}

fn the_link(status: &NetworkStatus) -> Result<InterfaceStatus> {
    status.interfaces.first().cloned().context("no link")
}

fn addresses(node: &Node) -> Result<String> {
    let links = node.client()?.network()?.interfaces;
    Ok(links.into_iter().flat_map(|link| link.addresses).collect::<Vec<_>>().join(" "))
}
