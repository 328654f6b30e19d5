//! From root with all rights to the user of a service with those it was given; there is no way back. Runs between fork and exec.

use rustix::process::{Gid, Uid};
use rustix::thread::{
    CapabilitiesSecureBits as Bits, CapabilitySet, CapabilitySets, clear_ambient_capability_set, configure_capability_in_ambient_set,
    set_capabilities, set_capabilities_secure_bits, set_keep_capabilities, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};
use std::io;

/// Whom a process becomes, and what it keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Privilege {
    /// Number of the user, and of its group.
    pub user: u32,
    /// Numbers of further groups.
    pub groups: Vec<u32>,
    /// Capabilities that stay, bit N for the capability of number N.
    pub capabilities: u64,
    /// Whether root gets capabilities by being root: false for all but engines whose children count on it.
    pub root_is_special: bool,
}

/// Highest number a set can have.
const MOST: u8 = 63;

impl Privilege {
    fn kept(&self) -> impl Iterator<Item = CapabilitySet> {
        (0..=MOST).map(|n| 1u64 << n).filter(|bit| self.capabilities & bit != 0).map(CapabilitySet::from_bits_retain)
    }
}

/// Drops everything but what `to` says: bounding, permitted, effective, inheritable and ambient sets are then equal.
///
/// `groups` is `to.groups` as the kernel takes them, made before the fork.
///
/// # Errors
/// The kernel's. What was dropped before stays dropped; the process must end.
pub(crate) fn drop_to(to: &Privilege, groups: &[Gid]) -> io::Result<()> {
    (0..=MOST).filter(|n| to.capabilities >> n & 1 == 0).try_for_each(drop_bounding)?;
    set_keep_capabilities(true)?;
    let (user, group) = (Uid::from_raw(to.user), Gid::from_raw(to.user));
    set_thread_groups(groups)?;
    set_thread_res_gid(group, group, group)?;
    set_thread_res_uid(user, user, user)?;
    if to.root_is_special {
        return Ok(());
    }
    let kept = CapabilitySet::from_bits_retain(to.capabilities);
    // Still allowed to lock the rules, for the last step but one.
    let for_now = kept | CapabilitySet::SETPCAP;
    set_capabilities(None, CapabilitySets { effective: for_now, permitted: for_now, inheritable: kept })?;
    clear_ambient_capability_set()?;
    to.kept().try_for_each(|one| configure_capability_in_ambient_set(one, true))?;
    set_capabilities_secure_bits(locked())?;
    Ok(set_capabilities(None, CapabilitySets { effective: kept, permitted: kept, inheritable: kept })?)
}

/// Being root gives nothing, nothing more becomes ambient, and none of it can be changed.
fn locked() -> Bits {
    Bits::NO_ROOT
        | Bits::NO_ROOT_LOCKED
        | Bits::NO_SETUID_FIXUP_LOCKED
        | Bits::KEEP_CAPS_LOCKED
        | Bits::NO_CAP_AMBIENT_RAISE
        | Bits::NO_CAP_AMBIENT_RAISE_LOCKED
}

fn drop_bounding(number: u8) -> io::Result<()> {
    // SAFETY: PR_CAPBSET_DROP takes a number and touches no memory.
    let answer = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, libc::c_ulong::from(number), 0, 0, 0) };
    // EINVAL: this kernel does not know the capability, so the process cannot have it.
    match answer {
        0 => Ok(()),
        _ => Some(io::Error::last_os_error()).filter(|e| e.raw_os_error() != Some(libc::EINVAL)).map_or(Ok(()), Err),
    }
}
