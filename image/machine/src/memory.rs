//! How many machines fit on this host at once.

use std::fs;

/// What QEMU needs beside the guest's memory: its own code, translated code, device buffers. Measured 150-250 MiB
/// under TCG; too small here and a parallel test run drives the host into swap.
const OVERHEAD_MIB: u64 = 256;

/// Left to everything else on the host.
const RESERVE_MIB: u64 = 1024;

/// Memory that can be taken without swapping, in MiB (`MemAvailable`); 0 if unknown.
pub fn available_mib() -> u64 {
    parse_available(&fs::read_to_string("/proc/meminfo").unwrap_or_default())
}

/// How many machines of `memory_mib` may run at once: bounded by free memory and by processors, at least one.
pub fn machines_that_fit(memory_mib: u32, cpus_each: u32) -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    fit(available_mib(), processors, memory_mib, cpus_each)
}

/// How many machines of `memory_mib` there is free memory for, at least one; for machines that hardly need a processor.
pub fn machines_in_memory(memory_mib: u32) -> usize {
    fit(available_mib(), usize::MAX, memory_mib, 1)
}

fn fit(available: u64, processors: usize, memory_mib: u32, cpus_each: u32) -> usize {
    let by_memory = available.saturating_sub(RESERVE_MIB) / (u64::from(memory_mib) + OVERHEAD_MIB);
    let by_processors = processors / (cpus_each.max(1) as usize);
    usize::try_from(by_memory).unwrap_or(1).min(by_processors).max(1)
}

fn parse_available(meminfo: &str) -> u64 {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kib: Option<u64> = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    kib.unwrap_or(0) / 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_least_one_and_never_more_than_memory_allows() {
        assert_eq!(fit(0, 8, 1024, 2), 1);
        assert_eq!(fit(1024 + 2 * 1280, 8, 1024, 2), 2);
        assert_eq!(fit(1 << 20, 8, 1024, 2), 4);
    }

    #[test]
    fn reads_the_kernel_s_table() {
        assert_eq!(parse_available("MemTotal: 9\nMemAvailable:   2048 kB\n"), 2);
        assert_eq!(parse_available(""), 0);
    }
}
