//! The checks of the CIS Bottlerocket Benchmark v1.0.0, with what answers each on this system.

use crate::{Benchmark, Check, Metadata, Probe};

const ZERO: &[&str] = &["0"];
const ONE: &[&str] = &["1"];

const NO_FIREWALL: &str = "there is no chain that drops all input: nothing listens but what settings publish, and published ports are \
    forwarded by the node's own table";

macro_rules! sysctls {
    ($($name:literal = $values:expr),* $(,)?) => { Probe::Values(&[$((concat!("/proc/sys/", $name), $values)),*]) };
}

const fn check(name: &'static str, id: &'static str, level: u8, title: &'static str, probe: Probe) -> Check {
    Check { name, id, level, title, probe }
}

/// The benchmark.
pub const BENCHMARK: Benchmark = Benchmark {
    metadata: Metadata { name: "CIS Bottlerocket Benchmark", version: "v1.0.0", url: "https://www.cisecurity.org/benchmark/bottlerocket" },
    checks: CHECKS,
};

const CHECKS: &[Check] = &[
    check("br01010101", "1.1.1.1", 2, "Ensure mounting of udf filesystems is disabled", Probe::NoDriver("udf")),
    check("br01020100", "1.2.1", 1, "Ensure software update repositories are configured", Probe::Manual),
    check("br01030100", "1.3.1", 1, "Ensure dm-verity is configured", Probe::VerifiedRoot),
    check("br01040100", "1.4.1", 1, "Ensure setuid programs do not create core dumps", sysctls!("fs/suid_dumpable" = ZERO)),
    check(
        "br01040200",
        "1.4.2",
        1,
        "Ensure address space layout randomization (ASLR) is enabled",
        sysctls!("kernel/randomize_va_space" = &["2"]),
    ),
    check("br01040300", "1.4.3", 1, "Ensure unprivileged eBPF is disabled", sysctls!("kernel/unprivileged_bpf_disabled" = &["1", "2"])),
    check("br01040400", "1.4.4", 2, "Ensure user namespaces are disabled", sysctls!("user/max_user_namespaces" = ZERO)),
    check("br01050100", "1.5.1", 1, "Ensure SELinux is configured", Probe::Values(&[("/sys/fs/selinux/enforce", ONE)])),
    check(
        "br01050200",
        "1.5.2",
        2,
        "Ensure Lockdown is configured",
        Probe::Chosen("/sys/kernel/security/lockdown", &["integrity", "confidentiality"]),
    ),
    check("br01060000", "1.6", 1, "Ensure updates, patches, and additional security software are installed", Probe::Manual),
    check("br02010101", "2.1.1.1", 1, "Ensure chrony is configured", Probe::Present("/etc/ntpd-rs/ntp.toml")),
    check(
        "br03010100",
        "3.1.1",
        2,
        "Ensure packet redirect sending is disabled",
        sysctls!("net/ipv4/conf/all/send_redirects" = ZERO, "net/ipv4/conf/default/send_redirects" = ZERO),
    ),
    check(
        "br03020100",
        "3.2.1",
        2,
        "Ensure source routed packets are not accepted",
        sysctls!(
            "net/ipv4/conf/all/accept_source_route" = ZERO,
            "net/ipv4/conf/default/accept_source_route" = ZERO,
            "net/ipv6/conf/all/accept_source_route" = &["0", "-1"],
            "net/ipv6/conf/default/accept_source_route" = &["0", "-1"],
        ),
    ),
    check(
        "br03020200",
        "3.2.2",
        2,
        "Ensure ICMP redirects are not accepted",
        sysctls!(
            "net/ipv4/conf/all/accept_redirects" = ZERO,
            "net/ipv4/conf/default/accept_redirects" = ZERO,
            "net/ipv6/conf/all/accept_redirects" = ZERO,
            "net/ipv6/conf/default/accept_redirects" = ZERO,
        ),
    ),
    check(
        "br03020300",
        "3.2.3",
        2,
        "Ensure secure ICMP redirects are not accepted",
        sysctls!("net/ipv4/conf/all/secure_redirects" = ZERO, "net/ipv4/conf/default/secure_redirects" = ZERO),
    ),
    check(
        "br03020400",
        "3.2.4",
        2,
        "Ensure suspicious packets are logged",
        sysctls!("net/ipv4/conf/all/log_martians" = ONE, "net/ipv4/conf/default/log_martians" = ONE),
    ),
    check("br03020500", "3.2.5", 1, "Ensure broadcast ICMP requests are ignored", sysctls!("net/ipv4/icmp_echo_ignore_broadcasts" = ONE)),
    check(
        "br03020600",
        "3.2.6",
        1,
        "Ensure bogus ICMP responses are ignored",
        sysctls!("net/ipv4/icmp_ignore_bogus_error_responses" = ONE),
    ),
    check("br03020700", "3.2.7", 1, "Ensure TCP SYN Cookies is enabled", sysctls!("net/ipv4/tcp_syncookies" = ONE)),
    check("br03030100", "3.3.1", 2, "Ensure SCTP is disabled", Probe::NoDriver("sctp")),
    check("br03040101", "3.4.1.1", 2, "Ensure IPv4 default deny firewall policy", Probe::NotDone(NO_FIREWALL)),
    check("br03040102", "3.4.1.2", 2, "Ensure IPv4 loopback traffic is configured", Probe::NotDone(NO_FIREWALL)),
    check("br03040103", "3.4.1.3", 1, "Ensure IPv4 outbound and established connections are configured", Probe::Manual),
    check("br03040201", "3.4.2.1", 2, "Ensure IPv6 default deny firewall policy", Probe::NotDone(NO_FIREWALL)),
    check("br03040202", "3.4.2.2", 2, "Ensure IPv6 loopback traffic is configured", Probe::NotDone(NO_FIREWALL)),
    check("br03040203", "3.4.2.3", 1, "Ensure IPv6 outbound and established connections are configured", Probe::Manual),
    check("br04010101", "4.1.1.1", 1, "Ensure journald is configured to write logs to persistent disk", Probe::OnDisk("/var/log/ampoule")),
    check("br04010200", "4.1.2", 1, "Ensure permissions on journal files are configured", Probe::Closed("/var/log/ampoule", 0o022)),
];
