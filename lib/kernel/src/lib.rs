//! Settings of the kernel; pure
//!
//! What may be written below `/proc/sys`, which modules and boot parameters have a legal name, and what the image keeps for
//! itself so that it stays sealed. The kernel's own words: `Documentation/admin-guide/sysctl/`,
//! `Documentation/admin-guide/kernel-parameters.txt`, `Documentation/admin-guide/bootconfig.rst`.

mod boot;
mod change;
mod command_line;
mod document;
mod link;
mod lockdown;
mod module;
mod parameter;
mod sysctl;

pub use boot::{BootState, BootStep, Entry, EntryStep, TRIES, Verdict, decide_boot};
pub use change::{Change, Originals, Wanted, decide};
pub use command_line::{MAX_PARAMETERS, parameter_text};
pub use document::{BootDocument, DocumentError, KernelDocument, Lockdown, MAX_DOCUMENT, ModuleDocument, ModulesDocument, parse_document};
pub use link::link_of;
pub use lockdown::LockdownStep;
pub use module::check_module_name;
pub use parameter::{check_parameter_key, check_parameter_value, protected_parameter};
pub use sysctl::{MAX_SYSCTL_VALUE, check_sysctl_key, check_sysctl_value, protected_sysctl, sysctl_path};
