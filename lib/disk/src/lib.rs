//! The partitions of the disk that the root lies on, and the files of its boot partition.

pub mod boot;
mod folder;
mod partitions;

pub use folder::{Folder, Space};
pub use partitions::{Disks, Found, Partition};
