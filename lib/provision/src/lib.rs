//! Where user data may be, how each place packs it, and the values made for keys nobody set; pure.
//!
//! `node/provision` carries this out and leaves what it found below `/run/ampoule/provision` (docs/architecture/contracts.md section 5);
//! `apid` reads that with the same types.

pub mod dns;
pub mod host_name;
pub mod identity;
pub mod imds;
pub mod ovf;
pub mod volume;

mod generated;
mod platform;
mod report;
mod source;

pub use generated::{Generated, GeneratedValue, Strength, seed, time_servers};
pub use platform::{Dmi, Platform};
pub use report::{SourceReport, State};
pub use source::Source;

/// Longest user data of any place, in bytes, as it is there (packed). What `apid` reads at most, so more is refused where it is found.
pub const MAX_USER_DATA: usize = 64 * 1024;
