//! Service files, the service state machine and `init`'s messages; pure.
//!
//! `init` is a thin shell around [`machine::Machine`]: it tells it what happened and carries out what it answers. Nothing here forks, waits, reads a clock or logs, so all of
//! it is tested without a machine to run on.

pub mod capability;
pub mod environment;
pub mod graph;
pub mod identity;
pub mod machine;
pub mod message;
mod paths;
pub mod rights;
pub mod service;
pub mod units;
pub mod watchdog;
