//! Kernel settings every node has, before the first service starts.

use crate::console::note;

/// File below `/proc/sys`, value, and who would be hurt without it.
const SETTINGS: &[(&str, &str, &str)] = &[
    ("kernel/printk_devkmsg", "on", "lines of init would be dropped under load"),
    ("kernel/modprobe", "/usr/bin/modload", "the kernel would look for a program that is not there"),
    // A pipe to nothing, which the kernel gives up before it starts anything.
    ("kernel/core_pattern", "|", "core files would land on a disk, with secrets in them"),
    ("kernel/printk_ratelimit_burst", "40", "refusals before logd reads the records would be dropped; more fill the log"),
    ("kernel/kptr_restrict", "2", "kernel addresses help an attacker"),
    ("kernel/dmesg_restrict", "1", "so does the kernel log"),
    ("kernel/perf_event_paranoid", "3", "counters of the processor tell one process about another"),
    ("kernel/randomize_va_space", "2", "addresses would be easy to guess"),
    ("kernel/io_uring_disabled", "1", "the kernel interface with the most flaws found, for everybody"),
    ("kernel/unprivileged_bpf_disabled", "1", "unprivileged BPF is a way into the kernel"),
    ("kernel/yama/ptrace_scope", "1", "one process could read another's memory"),
    ("kernel/panic", "10", "a crashed node would stay down"),
    ("kernel/panic_on_oops", "1", "a kernel that went wrong would go on"),
    ("dev/tty/ldisc_autoload", "0", "old terminal drivers could be loaded by anybody"),
    ("dev/tty/legacy_tiocsti", "0", "a container could type into the terminal of who looks at it"),
    ("kernel/pid_max", "4194304", "a busy node would run out of process numbers"),
    ("net/core/bpf_jit_harden", "2", "JIT spraying"),
    ("net/core/fb_tunnels_only_for_init_net", "1", "a network without links would have tunnels that nobody asked for"),
    ("fs/protected_hardlinks", "1", "link attacks in shared folders"),
    ("fs/protected_symlinks", "1", "link attacks in shared folders"),
    ("fs/protected_fifos", "2", "writes into somebody else's pipe"),
    ("fs/protected_regular", "2", "writes into somebody else's file"),
    ("fs/suid_dumpable", "0", "memory of privileged programs would reach a core file"),
    ("fs/inotify/max_user_instances", "8192", "containers share this number"),
    ("fs/inotify/max_user_watches", "524288", "containers share this number"),
    ("vm/max_map_count", "1048576", "databases in containers map much"),
    ("net/netfilter/nf_conntrack_max", "1048576", "a busy node would drop connections"),
    ("net/ipv4/neigh/default/gc_thresh1", "0", "dead neighbours would be kept"),
    ("net/ipv4/neigh/default/gc_thresh2", "15360", "a big cluster has more neighbours than the default"),
    ("net/ipv4/neigh/default/gc_thresh3", "16384", "a big cluster has more neighbours than the default"),
    // netd sets it on each link once that has an address; on all at once it would drop the answers of DHCP servers.
    ("net/ipv4/conf/default/rp_filter", "2", "spoofed source addresses"),
    ("net/ipv4/conf/all/accept_redirects", "0", "routes changed from outside"),
    ("net/ipv4/conf/default/accept_redirects", "0", "routes changed from outside"),
    ("net/ipv6/conf/all/accept_redirects", "0", "routes changed from outside"),
    ("net/ipv6/conf/default/accept_redirects", "0", "routes changed from outside"),
    ("net/ipv4/conf/all/secure_redirects", "0", "routes changed by a gateway that was taken over"),
    ("net/ipv4/conf/default/secure_redirects", "0", "routes changed by a gateway that was taken over"),
    ("net/ipv4/conf/all/accept_source_route", "0", "a sender would choose the way of the answer"),
    ("net/ipv4/conf/default/accept_source_route", "0", "a sender would choose the way of the answer"),
    ("net/ipv4/conf/default/send_redirects", "0", "a node is no router for its neighbours"),
    ("net/ipv4/conf/all/send_redirects", "0", "a node is no router for its neighbours"),
];

/// Machines with less memory than this, in KiB, get it back from the kernel's reserve.
const SMALL: u64 = 4 << 20;

/// Writes them all; one this kernel lacks is logged.
pub(crate) fn apply() {
    for (name, value, _why) in SETTINGS {
        write(name, value);
    }
    let memory = rustix::system::sysinfo();
    if let Some(reserve) = reserve(memory.totalram * u64::from(memory.mem_unit) / 1024) {
        write("vm/min_free_kbytes", &reserve.to_string());
    }
}

fn write(name: &str, value: &str) {
    note(name, std::fs::write(format!("/proc/sys/{name}"), format!("{value}\n")));
}

/// KiB that a kernel with `memory` KiB keeps free for itself; `None`: as it chose. With huge pages it chooses 22 MiB for each zone
/// whatever the machine (`set_recommended_min_free_kbytes`, mm/khugepaged.c), which takes 48 MiB of 1 GiB from what programs can
/// have. A small machine's programs have more of the memory than of the huge pages, so it gets what the kernel takes without them
/// (`calculate_min_free_kbytes`, mm/page_alloc.c).
fn reserve(memory: u64) -> Option<u64> {
    (memory < SMALL).then(|| (memory * 16).isqrt().max(1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_machines_keep_little_back_and_large_ones_what_the_kernel_chose() {
        assert_eq!(reserve(1 << 20), Some(4096));
        assert_eq!(reserve(0), Some(1024));
        assert_eq!(reserve(SMALL), None);
    }
}
