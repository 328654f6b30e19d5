//! What `init` sets below `/proc/sys` stays, or an operator may change it for a reason.

use ampoule_kernel::{check_sysctl_value, protected_sysctl};
use ampoule_rules::text;

/// What a setting may change, each with why that does not unseal the node. Paths that end in `/` stand for all below.
const OPEN: &[(&str, &str)] = &[
    ("kernel/printk_devkmsg", "only the node's own log is the poorer"),
    ("kernel/printk_ratelimit_burst", "only the node's own log is the poorer"),
    ("kernel/panic", "how long a crashed node waits is its owner's choice"),
    ("kernel/pid_max", "a number of things"),
    ("fs/inotify/", "a number of things"),
    ("vm/", "a number of things"),
    ("net/netfilter/", "a number of things"),
    ("net/ipv4/neigh/", "a number of things"),
    ("net/core/fb_tunnels_only_for_init_net", "links that a network has of itself"),
    // A node may be a router, have a peer that is to redirect it, or two ways to one network. Who steers its traffic meets TLS and digests.
    // `GET /report/cis` tells of each that the benchmark wants otherwise.
    ("net/ipv4/conf/", "how packets find their way, for each link, too"),
    ("net/ipv6/conf/", "how packets find their way, for each link, too"),
];

/// Path and value of each, as `init` has them.
fn set_by_init() -> Vec<(String, String)> {
    let source = text("node/init/src/sysctl.rs").expect("tracked");
    let table = source.split("const SETTINGS").nth(1).and_then(|rest| rest.split("];").next()).expect("the table of init");
    let entries = table.lines().filter_map(|line| line.trim().strip_prefix("(\"")?.split_once("\", \""));
    entries.filter_map(|(path, rest)| Some((path.to_owned(), rest.split_once('"')?.0.to_owned()))).collect()
}

fn is_open(path: &str) -> bool {
    OPEN.iter().any(|(open, _)| path == *open || open.ends_with('/') && path.starts_with(open))
}

/// A fixed entry takes no word; another takes any line.
fn is_kept(path: &str) -> bool {
    protected_sysctl(path).is_some() || check_sysctl_value(path, "a word").is_err()
}

#[test]
fn what_init_sets_is_kept_or_open_for_a_reason() {
    let all = set_by_init();
    assert!(all.len() > 35, "{all:?}");
    for (path, value) in all {
        assert!(is_kept(&path) != is_open(&path), "{path}: neither kept by lib/kernel nor in the table above, or both");
        assert!(protected_sysctl(&path).is_some() || check_sysctl_value(&path, &value).is_ok(), "{path}: {value} is what init sets");
    }
}

/// The hardening list and `lib/kernel` do not contradict each other.
#[test]
fn what_the_list_recommends_is_kept() {
    let list: toml::Table = text("policy/kernel/hardening.toml").expect("tracked").parse().expect("TOML");
    let deviations = list["sysctl-deviation"].as_table().expect("a table");
    for (path, recommended) in list["sysctl"].as_table().expect("a table") {
        let value = |table: &toml::Value| table.as_str().map(str::to_owned);
        // Without a value of ours there is a reason for any.
        let ours = deviations.get(path).map_or_else(|| value(recommended), |deviation| deviation.get("ours").and_then(value));
        let Some(ours) = ours else { continue };
        assert!(is_kept(path), "{path}: a setting could undo it");
        assert!(protected_sysctl(path).is_some() || check_sysctl_value(path, &ours).is_ok(), "{path}: {ours} would be refused");
    }
}

/// An entry that `init` sets no more leaves the table.
#[test]
fn nothing_is_open_that_init_does_not_set() {
    let all = set_by_init();
    for (open, _) in OPEN {
        assert!(all.iter().any(|(path, _)| path == open || open.ends_with('/') && path.starts_with(open)), "{open}");
    }
}
