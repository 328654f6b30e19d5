//! Workloads as data: the decisions of `hostd`, without files, sockets or clocks.
//!
//! `workload` is what a person asked for, `change` what a new request means for what runs,
//! `restart` what happens when it ends, `address` which address it gets, `isolation` and `domain`
//! what keeps it from the others, `check` how a command inside it is asked for, `disk` how much it may write, `image` and
//! `runtime_spec` what becomes of it in the words of the OCI.

pub mod address;
pub mod change;
pub mod check;
pub mod disk;
pub mod domain;
pub mod image;
pub mod isolation;
pub mod oci_defaults;
pub mod publish;
pub mod pull;
pub mod reference;
pub mod restart;
pub mod runtime_spec;
pub mod user;
pub mod volume;
pub mod workload;

pub use change::{Change, Plan};
pub use disk::{DiskLimit, InodeLimit, Room};
pub use domain::Domain;
pub use isolation::{Isolation, Isolations};
pub use oci_defaults::OciDefaults;
pub use publish::{Protocol, Publish};
pub use reference::Reference;
pub use restart::{Next, Restarts};
pub use volume::Volume;
pub use workload::{RestartPolicy, Workload, Workloads};
