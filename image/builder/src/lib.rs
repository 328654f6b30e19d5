//! Builds node images without root: packages, root file system, hash tree, kernel image, disk.
//!
//! [`build`] makes an image of a variant, [`inspect`] reads what an image says about itself, [`compare`] and
//! [`reproduce`] prove that the same inputs give the same bytes, [`lock_update`] moves the pin of an input, and
//! [`missing`] names what the machine lacks.

mod assemble;
mod build;
mod cache;
mod compare;
mod debian;
mod disk;
mod doctor;
mod elf;
mod esp;
mod filesystem;
mod hardening;
mod hash;
mod host;
mod lay_out;
mod licence;
mod lock;
mod manifest;
mod package;
mod progress;
mod proof;
mod recipe;
mod reproduce;
mod request;
mod root;
mod rules;
mod sbom;
mod seccomp;
mod selinux;
mod stage;
mod tool;
mod uki;
mod update;
mod variant;

pub use build::build;
pub use compare::{Difference, compare};
pub use doctor::{REQUIREMENTS, Requirement, missing};
pub use lay_out::{lay_out, unpack, with_root};
pub use manifest::{Executable, Input, Manifest, Package, Sizes, inspect};
pub use progress::{Progress, Silent};
pub use reproduce::{Again, reproduce};
pub use request::{BuildRequest, BuiltImage, StageFailed, default_cache};
pub use update::{LockChange, lock_update};
pub use variant::variant_text;
