//! The rules of a containers' network: containers reach out with their own addresses, only published ports reach in.

use std::net::Ipv4Addr;

use crate::ruleset::{Action, Chain, Hook, Match, Policy, Rule, Ruleset, Transport};

/// Where clouds answer with the node's own credentials: theirs are no business of a container.
const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
/// Addresses that never leave this node.
const LOOPBACK: (Ipv4Addr, u8) = (Ipv4Addr::new(127, 0, 0, 0), 8);

/// A network of containers behind links of the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BridgeNetwork {
    /// Name of the table that holds its rules.
    pub table: String,
    /// Names of the node's links that lead to containers, `*` at the end for any rest: a link for each, or a bridge.
    pub links: String,
    /// Any address of the containers' network.
    pub subnet: Ipv4Addr,
    /// Prefix length of that network.
    pub prefix: u8,
    /// Ports of the node that lead into it.
    pub published: Vec<PublishedPort>,
}

/// A port of the node that leads to a port of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedPort {
    /// Protocol of both ports.
    pub transport: Transport,
    /// Port on every address of the node except the loopback ones.
    pub node_port: u16,
    /// The container's address.
    pub address: Ipv4Addr,
    /// The container's port.
    pub port: u16,
    /// A remark for the reader of the rules: the workload's name.
    pub comment: String,
}

impl BridgeNetwork {
    /// The whole table.
    ///
    /// Forwarding is refused unless it is: part of a connection already allowed; from a container (outwards or to another); or
    /// to a published port. The node is no router between its other networks. What comes from a container with a
    /// source that does not lie behind its link goes nowhere, not to the node either; nor does what is for a cloud's metadata service, but questions for names.
    #[must_use]
    pub fn ruleset(&self) -> Ruleset {
        let chains = vec![self.sources(), self.prerouting(), self.output(), self.postrouting(), self.forward(), self.published()];
        Ruleset { table: self.table.clone(), chains }
    }

    /// Before connections are tracked: a lie should not even take room in that table.
    fn sources(&self) -> Chain {
        let lie = vec![Match::InputInterface(self.links.clone()), Match::SourceNotBehindInput];
        base_chain("sources", Hook::FilterPrerouting, Policy::Accept, vec![rule(lie, Action::Drop, "not its own address")])
    }

    /// Packets from outside or from containers, to an address of the node.
    fn prerouting(&self) -> Chain {
        let rule = jump_to_published(vec![Match::DestinationIsLocal]);
        base_chain("prerouting", Hook::NatPrerouting, Policy::Accept, vec![rule])
    }

    /// Packets of the node itself to its own address. Loopback ones stay: they could not be answered from a bridge.
    fn output(&self) -> Chain {
        let outside_loopback = Match::NotDestination(LOOPBACK.0, LOOPBACK.1);
        let rule = jump_to_published(vec![outside_loopback, Match::DestinationIsLocal]);
        base_chain("output", Hook::NatOutput, Policy::Accept, vec![rule])
    }

    fn postrouting(&self) -> Chain {
        let from_containers = Match::Source(self.subnet, self.prefix);
        let outwards = Match::NotOutputInterface(self.links.clone());
        let inwards = Match::OutputInterface(self.links.clone());
        let rules = vec![
            rule(vec![from_containers.clone(), outwards], Action::Masquerade, "containers reach out"),
            // Else the answer would go straight to the asking container, with an address it never asked.
            rule(
                vec![from_containers, inwards, Match::DestinationTranslated],
                Action::Masquerade,
                "a container asks a published port of its own network",
            ),
        ];
        base_chain("postrouting", Hook::NatPostrouting, Policy::Accept, rules)
    }

    fn forward(&self) -> Chain {
        let from_containers = Match::InputInterface(self.links.clone());
        let to_containers = Match::OutputInterface(self.links.clone());
        let to_metadata = [from_containers.clone(), Match::Destination(METADATA, 32)];
        let names = |transport| [&to_metadata[..], &[Match::DestinationPort(transport, 53)]].concat();
        let rules = vec![
            // Some clouds have their resolver at the same address.
            rule(names(Transport::Udp), Action::Accept, "names"),
            rule(names(Transport::Tcp), Action::Accept, "names"),
            rule(to_metadata.to_vec(), Action::Drop, "metadata service"),
            rule(vec![Match::EstablishedOrRelated], Action::Accept, "known connections"),
            rule(vec![Match::Invalid], Action::Drop, "no connection"),
            rule(vec![from_containers.clone()], Action::Accept, "from containers"),
            rule(vec![to_containers, Match::DestinationTranslated], Action::Accept, "published ports"),
        ];
        base_chain("forward", Hook::FilterForward, Policy::Drop, rules)
    }

    fn published(&self) -> Chain {
        let rules = self.published.iter().map(PublishedPort::rule).collect();
        Chain { name: PUBLISHED.into(), base: None, rules }
    }
}

/// The chain that both translating chains share.
const PUBLISHED: &str = "published";

impl PublishedPort {
    fn rule(&self) -> Rule {
        let for_port = Match::DestinationPort(self.transport, self.node_port);
        rule(vec![for_port], Action::TranslateDestination(self.address, self.port), &self.comment)
    }
}

fn jump_to_published(matches: Vec<Match>) -> Rule {
    rule(matches, Action::Jump(PUBLISHED.into()), "published ports")
}

fn rule(matches: Vec<Match>, action: Action, comment: &str) -> Rule {
    Rule { matches, action, comment: comment.into() }
}

fn base_chain(name: &str, hook: Hook, policy: Policy, rules: Vec<Rule>) -> Chain {
    Chain { name: name.into(), base: Some(hook.base(policy)), rules }
}
