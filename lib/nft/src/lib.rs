//! Encoder for nftables netlink messages; pure.
//!
//! A [`Ruleset`] is one IPv4 table. [`encode`] turns it into one batch that the kernel applies whole or not at all:
//! whatever the table held before is gone, what the ruleset says is there. [`Batch::check`] reads the kernel's
//! answer and names the part it refused.
//!
//! ```
//! use ampoule_nft::{BridgeNetwork, encode};
//! let network = BridgeNetwork {
//!     table: "ampoule".into(),
//!     links: "amp-*".into(),
//!     subnet: "10.88.0.0".parse().unwrap(),
//!     prefix: 16,
//!     published: vec![],
//! };
//! let batch = encode(&network.ruleset()).unwrap();
//! // ampoule_sys::nfnetlink::exchange(batch.bytes()) -> answer; batch.check(&answer)
//! assert!(!batch.bytes().is_empty());
//! ```
//!
//! Why our own: `netlink-packet-netfilter` 0.4 knows tables, chains and rules, but none of the expressions `nat`, `masq`, `ct`
//! and `fib`, and no batches.

mod answer;
mod batch;
mod bridge;
mod expression;
mod message;
mod numbers;
mod ruleset;

pub use answer::AnswerError;
pub use batch::{Batch, EncodeError, encode, encode_removal};
pub use bridge::{BridgeNetwork, PublishedPort};
pub use ruleset::{Action, Base, Chain, Hook, Match, Policy, Rule, Ruleset, Transport};
