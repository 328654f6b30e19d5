//! Looking into a machine from outside.

use std::{
    thread,
    time::{Duration, Instant},
};

use ampoule_machine::Machine;
use anyhow::{Result, bail};
use serde_json::{Value, json};

/// A system settles before its memory is read.
const SETTLE: Duration = Duration::from_secs(10);

/// The balloon's driver answers within its polling time; its module may load late.
const BALLOON_LIMIT: Duration = Duration::from_secs(30);

/// Bytes of the machine's memory that are not available to programs, as the guest's kernel counts.
pub(super) fn memory_in_use(machine: &mut Machine) -> Result<f64> {
    let path = "/machine/peripheral/balloon0";
    machine.qmp("qom-set", json!({ "path": path, "property": "guest-stats-polling-interval", "value": 1 }))?;
    thread::sleep(SETTLE);
    let given = f64::from(machine.config().memory_mib) * 1024.0 * 1024.0;
    let start = Instant::now();
    while start.elapsed() < BALLOON_LIMIT {
        let stats = machine.qmp("qom-get", json!({ "path": path, "property": "guest-stats" }))?;
        if let Some(available) = available(&stats) {
            return Ok(given - available);
        }
        thread::sleep(Duration::from_secs(1));
    }
    bail!("the guest's memory balloon gives no figures")
}

/// QEMU says -1 (as an unsigned number) for what the guest has not told.
fn available(stats: &Value) -> Option<f64> {
    let value = stats["stats"]["stat-available-memory"].as_u64()?;
    (stats["last-update"].as_u64() != Some(0) && value != u64::MAX).then_some(value as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_guest_has_not_told_is_no_figure() {
        let stats = |value: u64, update: u64| json!({ "stats": { "stat-available-memory": value }, "last-update": update });
        assert_eq!(available(&stats(7, 1)), Some(7.0));
        assert_eq!(available(&stats(u64::MAX, 1)), None);
        assert_eq!(available(&stats(7, 0)), None);
    }
}
