//! Published ports and the way out, as one nftables table that is replaced whole.

use ampoule_nft::{Batch, BridgeNetwork, PublishedPort, Transport, encode};
use ampoule_sys::nfnetlink::exchange;
use ampoule_workload::{Protocol, address::Subnet, publish::Forward};

use crate::error::HostError;

/// The table is ours alone.
const TABLE: &str = "ampoule-workloads";

/// Lets exactly `forwards` lead from the node into the workloads' network.
pub(crate) fn replace(links: &str, subnet: &Subnet, forwards: &[Forward]) -> Result<(), HostError> {
    let network = BridgeNetwork {
        table: TABLE.to_owned(),
        links: links.to_owned(),
        subnet: subnet.network(),
        prefix: subnet.prefix,
        published: forwards.iter().map(port).collect(),
    };
    let batch = encode(&network.ruleset()).map_err(HostError::network("write the rules of published ports"))?;
    send(&batch)
}

fn send(batch: &Batch) -> Result<(), HostError> {
    let answer = exchange(batch.bytes()).map_err(HostError::network("speak to nftables"))?;
    batch.check(&answer).map_err(HostError::network("publish ports"))
}

fn port(forward: &Forward) -> PublishedPort {
    PublishedPort {
        transport: match forward.publish.protocol {
            Protocol::Tcp => Transport::Tcp,
            Protocol::Udp => Transport::Udp,
        },
        node_port: forward.publish.host.get(),
        address: forward.address,
        port: forward.publish.container.get(),
        comment: forward.name.clone(),
    }
}
