//! Types on the wire of the node API.
//!
//! The root holds the shapes of Bottlerocket's routes, [`v1`] those of our own. Types only: no meaning is checked here
//! and nothing of the node's inside is known. Readers ignore fields they do not know, so that a newer node can be
//! read by an older tool; versions only add.

mod os;
mod settings;
pub mod v1;

pub use os::OsInfo;
pub use settings::{DEFAULT_TRANSACTION, Keypairs, ServiceMetadata, WholeModel};
