//! What the kernel refused: its records read, counted, and put into the words of the policy. Pure: no I/O, no clock.

mod calls;
mod context;
mod line;
mod sequence;
mod tally;

pub use context::Context;
pub use line::{Denial, Record, Refused, lost};
pub use sequence::Sequence;
pub use tally::{Counted, MAX_ENTRIES, MAX_ENTRIES_OF_ONE, Tally};
