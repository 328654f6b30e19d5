//! Settings of the kernel; pure
//!
//! What may be written below `/proc/sys`, which modules and boot parameters have a legal name, and what the image keeps for
//! itself so that it stays sealed. The kernel's own words: `Documentation/admin-guide/sysctl/`,
//! `Documentation/admin-guide/kernel-parameters.txt`, `Documentation/admin-guide/bootconfig.rst`.

mod change;
mod document;
mod lockdown;
mod module;
mod parameter;
mod sysctl;

pub use change::{Change, Originals, Wanted, decide};
pub use document::{BootDocument, DocumentError, KernelDocument, Lockdown, MAX_DOCUMENT, ModuleDocument, ModulesDocument, parse_document};
pub use lockdown::LockdownStep;
pub use module::check_module_name;
pub use parameter::{check_parameter_key, check_parameter_value, protected_parameter};
pub use sysctl::{MAX_SYSCTL_VALUE, check_sysctl_key, check_sysctl_value, protected_sysctl, sysctl_path};
