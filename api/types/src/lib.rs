//! Types on the wire of the node API.
//!
//! The root holds the shapes of Bottlerocket's routes, [`v1`] those of our own. Types only: no meaning is checked here
//! and nothing of the node's inside is known. Readers ignore fields they do not know, so that a newer node can be
//! read by an older tool; versions only add.

mod metadata;
pub mod operation;
pub mod operations;
mod os;
mod role;
mod settings;
mod storage;
pub mod time;
mod updates;
pub mod v1;

pub use metadata::{ConfigurationFile, Generator, PendingValue, PendingValues, ServiceMetadata, Strength};
pub use os::OsInfo;
pub use role::{ADMIN_SETTINGS, Role};
pub use settings::{DEFAULT_TRANSACTION, Keypairs, WholeModel};
pub use storage::{EphemeralStorageBind, EphemeralStorageInit, Filesystem, Report};
pub use updates::{CommandResult, StagedImage, UpdateImage, UpdateState, UpdateStatus};
