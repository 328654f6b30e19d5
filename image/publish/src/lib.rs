//! Makes and checks the repositories that nodes take updates from: TUF metadata (The Update Framework) over `manifest.json` and the files
//! of images. Static files; any web server or object store will do.
//!
//! [`KeyFolder`] holds who may sign, [`publish`] adds images, [`refresh`] signs anew before metadata expires, [`rotate`] replaces keys,
//! [`check`] proves a repository as a node would see it, and [`delta_report`] says what a node would have to fetch.

mod check;
mod delta;
mod erofs;
mod image;
mod keys;
mod load;
mod policy;
mod repository;
mod root;
mod rotate;
mod source;
mod time;
mod uki;
mod verify;

pub use check::{Check, Finding, Level, Report, check};
pub use delta::{DeltaReport, FileDelta, Root, delta_between, delta_report};
pub use image::{Image, Parts};
pub use keys::{Given, KeyFolder, NewKeys};
pub use load::{LIMITS, Source};
pub use policy::find_policy;
pub use repository::{Publish, Published, Repository, publish, refresh};
pub use rotate::{Rotated, Rotation, rotate};
pub use source::{KeyUri, KeyUriError, PemKey, RemoteKey};
pub use time::{Lifetimes, ROOT_LIFETIME, now};

/// Bytes of a block of a root.
pub const BLOCK: u64 = ampoule_layout::BLOCK_SIZE;

/// Runs a future of the TUF library to its end on this thread.
pub(crate) fn wait<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(future)
}
