//! What the kernel refused: lines of its log read, counted, and put into the words of the policy. Pure: no I/O, no clock.

mod context;
mod line;
mod tally;

pub use context::Context;
pub use line::{Denial, Refused, parse};
pub use tally::{Counted, MAX_ENTRIES, MAX_ENTRIES_OF_ONE, Tally};
