//! Attacks on update repositories, for tests of whoever reads them.
//!
//! [`ATTACKS`] has one entry for each: it makes a repository in a folder and says what must come of it. The words are those of the TUF
//! specification, section 1.5.2. What an attacker holds is said by each: nothing but the server, some keys, or enough of them.

mod attacks;
mod forge;
mod image;
mod server;
mod world;

pub use attacks::ATTACKS;
pub use image::{Tiny, hash_tree, tiny_image};
pub use server::{Behaviour, Server};
pub use world::{NEWEST, World, copy_tree};

use std::path::PathBuf;

use anyhow::Result;

/// One attack.
#[derive(Debug, Clone, Copy)]
pub struct Attack {
    /// Short name.
    pub name: &'static str,
    /// Makes it, in the folder of the world.
    pub prepare: fn(&World) -> Result<Prepared>,
}

/// What a client is confronted with.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The text of the `root.json` in the client's image.
    pub root: Vec<u8>,
    /// Repositories that the client has seen before, in this order; it keeps what it saw.
    pub before: Vec<PathBuf>,
    /// The repository that it sees now.
    pub repository: PathBuf,
    /// How the server behaves. A client that reads folders can leave out all but [`Behaviour::Honest`].
    pub behaviour: Behaviour,
    /// What must come of it.
    pub outcome: Outcome,
}

/// What must come of an attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The client takes nothing: metadata, manifest or the image's first file that is wrong is refused.
    Refused,
    /// The client refuses, or sees exactly what was published: the version [`NEWEST`] of [`World`].
    Harmless,
    /// Nothing can be refused: whoever holds enough keys is the publisher. It stands here so that nobody believes otherwise, or because
    /// it is how the publisher recovers.
    Accepted,
}
