//! Kernel module aliases and dependencies; pure
//!
//! Reads the text of `modules.dep` and `modules.alias` (as `depmod` of kmod writes them, see modules.dep(5)) and
//! answers which module files to load for a device alias or a module name, dependencies first. No I/O: text comes in,
//! file names go out. Deliberately absent: options (`modprobe.d`), install commands, soft dependencies, symbols.

mod glob;
mod index;
mod name;
mod rules;

pub use glob::matches;
pub use index::{Index, IndexError};
pub use name::ModuleName;
pub use rules::{Denied, Rule, Rules};

/// Longest alias or module name answered for. The kernel's own limit for one environment of a uevent is 2 KiB.
pub const MAX_ALIAS: usize = 2048;

/// Largest index text read: Debian's kernel with 4000 modules needs 1.5 MB.
pub const MAX_TEXT: usize = 8 * 1024 * 1024;
