//! The present moment: wall clock, time since boot, and which boot this is.

use ampoule_confirm::BootId;
use ampoule_store::Now;
use rustix::time::{ClockId, clock_gettime};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// Reads moments of this boot.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    boot: BootId,
}

impl Clock {
    /// For the boot that `path` names, on a node `/proc/sys/kernel/random/boot_id`.
    ///
    /// Where that says nothing, each start of this program counts as a boot of its own: a change on trial is then taken back too early rather than too late.
    pub(crate) fn of_boot(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).inspect_err(|e| log::error!("Cannot read {}: {e}", path.display())).unwrap_or_default();
        Self { boot: BootId::new(&text).unwrap_or_else(|| BootId::numbered(boot_ms())) }
    }

    /// The present moment.
    pub(crate) fn now(&self) -> Now {
        Now { boot: self.boot.clone(), boot_ms: boot_ms(), unix_ms: unix_ms() }
    }
}

/// Milliseconds since the kernel started, suspend included.
pub(crate) fn boot_ms() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1000 + u64::try_from(now.tv_nsec).unwrap_or(0) / 1_000_000
}

/// Milliseconds since 1970.
pub(crate) fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
}
