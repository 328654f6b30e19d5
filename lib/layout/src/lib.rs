//! Partition types and tables, verity parameters and kernel command line of an image; pure.

mod command_line;
pub mod gpt;
mod guid;
mod os_release;
mod partition;
mod root_hash;
mod verity;

pub use command_line::{CommandLine, CommandLineError};
pub use guid::{Guid, GuidError};
pub use os_release::os_release_value;
pub use partition::{Architecture, GIB, MIB, PARTITIONS, Partition, Role};
pub use root_hash::{HashError, RootHash};
pub use verity::{BLOCK_SIZE, SALT, TableError, VerityTable};
