//! Which update a node takes, how it gets there and back; pure.
//!
//! Bytes and times come in, decisions and ordered steps go out. `docs/architecture/updates.md` has the whole picture.

pub mod backoff;
pub mod choice;
pub mod command;
pub mod config;
pub mod delta;
#[cfg(test)]
mod example;
pub mod fleet;
pub mod gates;
pub mod last_settings;
pub mod loader;
pub mod manifest;
pub mod migrations;
pub mod pe;
pub mod policy;
pub mod record;
pub mod standing;
pub mod states;
pub mod target;
pub mod timestamp;
pub mod tree;
pub mod uki;
pub mod waves;
mod window;

pub use manifest::{Manifest, ManifestError, Update};
pub use record::Record;
pub use states::{Command, State};
pub use target::{TargetKind, TargetName};
pub use timestamp::Timestamp;
pub use waves::{MAX_SEED, Waves};
pub use window::Window;
