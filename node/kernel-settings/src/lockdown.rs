//! Lockdown, through securityfs.

use std::{fs, io, path::Path};

use ampoule_kernel::{Lockdown, LockdownStep};

use crate::KernelSettingsError;

/// Raises lockdown to what is wanted; says why if it cannot be as low as that.
pub(crate) fn raise(file: &Path, wanted: Option<Lockdown>) -> Result<(), KernelSettingsError> {
    let Some(wanted) = wanted else { return Ok(()) };
    let failed = |source| KernelSettingsError::Lockdown { wanted: wanted.word(), source };
    let text = fs::read_to_string(file).map_err(failed)?;
    let now = Lockdown::in_force(&text).ok_or_else(|| failed(io::Error::other("the kernel names no level in force")))?;
    match now.step_to(wanted) {
        LockdownStep::Nothing => {}
        LockdownStep::Raise(level) => {
            fs::write(file, level.word()).map_err(failed)?;
            log::info!("lockdown is {level} from now on");
        }
        LockdownStep::NeedsReboot => log::warn!("lockdown stays {now}: a running kernel never lowers it; it is {wanted} after a reboot"),
        LockdownStep::NeverSoLow => log::warn!("lockdown stays {now}: this image starts at integrity, so {wanted} has no effect"),
    }
    Ok(())
}
