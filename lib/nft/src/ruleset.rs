//! What a table says, in words.

use std::net::Ipv4Addr;

/// One table of family `ip` and all it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruleset {
    /// Name of the table: 1 to 31 ASCII letters, digits, `_` or `-`.
    pub table: String,
    /// Its chains, in the order they are made; a chain must come before the rules that jump to it.
    pub chains: Vec<Chain>,
}

/// A list of rules, walked from the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Name of the chain; same alphabet as a table's.
    pub name: String,
    /// Where packets enter it; `None` for a chain that is only jumped to.
    pub base: Option<Base>,
    /// The rules, first match first.
    pub rules: Vec<Rule>,
}

/// How a chain hangs in the kernel's packet path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Base {
    /// The place in the path; it also decides the type of the chain.
    pub hook: Hook,
    /// Order among chains at the same place, lower first. The usual ones are [`Hook::usual_priority`].
    pub priority: i32,
    /// What happens to a packet that no rule decided.
    pub policy: Policy,
}

/// A place in the packet path together with the kind of chain we hang there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// Filter of arriving packets, before connections are tracked.
    FilterPrerouting,
    /// Address translation of arriving packets, before routing.
    NatPrerouting,
    /// Address translation of packets made on this node.
    NatOutput,
    /// Address translation of leaving packets, after routing.
    NatPostrouting,
    /// Filter of packets for this node itself.
    FilterInput,
    /// Filter of packets passing through.
    FilterForward,
    /// Filter of packets made on this node.
    FilterOutput,
}

impl Hook {
    /// The priority that `nft` calls `raw`, `dstnat`, `srcnat` or `filter`.
    #[must_use]
    pub fn usual_priority(self) -> i32 {
        match self {
            Hook::FilterPrerouting => -300,
            Hook::NatPrerouting | Hook::NatOutput => -100,
            Hook::NatPostrouting => 100,
            Hook::FilterInput | Hook::FilterForward | Hook::FilterOutput => 0,
        }
    }

    /// A base with the usual priority and this policy.
    #[must_use]
    pub fn base(self, policy: Policy) -> Base {
        Base { hook: self, priority: self.usual_priority(), policy }
    }
}

/// What happens at the end of a base chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// The packet goes on.
    Accept,
    /// The packet ends here. The kernel refuses this for address translation.
    Drop,
}

/// If all matches hold, the action is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Conditions, tested in this order; none means always.
    pub matches: Vec<Match>,
    /// What to do.
    pub action: Action,
    /// A remark shown by `nft list ruleset`: at most 127 bytes; empty for none.
    pub comment: String,
}

/// A condition on a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    /// It came in by the interface of this name. In all four, `*` at the end stands for any rest.
    InputInterface(String),
    /// It came in by another interface.
    NotInputInterface(String),
    /// It goes out by the interface of this name.
    OutputInterface(String),
    /// It goes out by another interface.
    NotOutputInterface(String),
    /// Its source lies in this network (address, prefix length).
    Source(Ipv4Addr, u8),
    /// The way to its source does not lead out by the interface it came in by (`fib saddr . iif oif missing`). Only where packets arrive.
    SourceNotBehindInput,
    /// Its destination lies in this network.
    Destination(Ipv4Addr, u8),
    /// Its destination lies outside this network.
    NotDestination(Ipv4Addr, u8),
    /// Its destination is an address of this node (`fib daddr type local`).
    DestinationIsLocal,
    /// It is of this protocol and for this port.
    DestinationPort(Transport, u16),
    /// It belongs to a connection already known, or to one that a known one announced.
    EstablishedOrRelated,
    /// It fits no connection and opens none.
    Invalid,
    /// It belongs to a connection whose destination was translated, that is: one that was published.
    DestinationTranslated,
}

/// Transport protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// What a rule does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// The packet goes on; no further rule of this chain is asked.
    Accept,
    /// The packet ends here.
    Drop,
    /// The source becomes the address of the interface it leaves by. Only after routing.
    Masquerade,
    /// The destination becomes this address and port. Needs a [`Match::DestinationPort`] before it; only before routing or in
    /// output.
    TranslateDestination(Ipv4Addr, u16),
    /// The rules of the named chain are asked, then the next one here.
    Jump(String),
}
