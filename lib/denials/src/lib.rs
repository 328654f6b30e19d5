//! What the kernel refused: its records read, counted, and put into the words of the policy. Pure: no I/O, no clock.

mod calls;
mod context;
mod line;
mod tally;

pub use context::Context;
pub use line::{Denial, Refused, is_routine, lost, parse, serial};
pub use tally::{Counted, MAX_ENTRIES, MAX_ENTRIES_OF_ONE, Tally};
