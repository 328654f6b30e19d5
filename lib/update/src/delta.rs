//! Which blocks of a new root a node has already, and which it must fetch.
//!
//! A block is known by its leaf in the hash trees, which all have the same salt. What is found in the running root is only a
//! hint: whoever carries out the plan checks every block against the new tree before it is written.
//!
//! Memory for a slot of 1 GiB (262,144 blocks), at most: the new tree 8.1 MiB, the running tree 8.1 MiB until the index is made,
//! the index 3 MiB, the plan 5 MiB if every other block is fetched alone, the bitmap 32 KiB: 24.3 MiB, and 16.2 MiB while blocks move.

mod bitmap;
mod index;
mod plan;

pub use bitmap::{Bitmap, BitmapError};
pub use index::Index;
pub use plan::{Action, Limits, Plan, Range, Run, plan};

#[cfg(test)]
mod tests;
