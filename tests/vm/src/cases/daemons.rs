//! The box of each daemon: what the kernel says that it may do equals what is listed here, and who asks for more is ended.

use std::collections::{BTreeMap, BTreeSet};

use ampoule_api_types::v1::ServiceState;
use ampoule_supervise::service::{DEVICES, ServiceFile};
use anyhow::{Context as _, Result, ensure};

use crate::{cases::attacks::report_of, context::Context, framework::within, runner::Case};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "daemons_are_in_their_boxes",
        about: "user, groups, capabilities, system calls, namespaces, writable places, devices and limits of each daemon are those listed",
        limit: within(300),
        soak: false,
        run: daemons_are_in_their_boxes,
    },
    Case {
        name: "a_service_that_was_taken_over",
        about: "in its box it reaches nothing of the node, and is killed and reported when it makes a call that is not on its list",
        limit: within(300),
        soak: false,
        run: a_service_that_was_taken_over,
    },
];

/// What a daemon may do. Sets of capabilities as the kernel writes them.
struct Boxed {
    name: &'static str,
    user: u32,
    groups: &'static str,
    capabilities: u64,
    network: &'static str,
    writable: &'static str,
    /// Beside those that every service has.
    devices: &'static str,
    /// Where its service file lies.
    file: &'static str,
}

const DAC_READ_SEARCH: u64 = 1 << 2;
const NET_BIND_SERVICE: u64 = 1 << 10;
const NET_ADMIN: u64 = 1 << 12;
const NET_RAW: u64 = 1 << 13;
const SYS_MODULE: u64 = 1 << 16;
const SYS_ADMIN: u64 = 1 << 21;
const SYS_TIME: u64 = 1 << 25;
const SYSLOG: u64 = 1 << 34;

const BOXES: [Boxed; 9] = [
    Boxed {
        name: "apid",
        user: 60_600,
        groups: "60601,60602,60606,60608,60609,60610",
        capabilities: NET_BIND_SERVICE,
        network: "host",
        writable: "/etc,/run/ampoule/apid,/state/settings",
        devices: "",
        file: include_str!("../../../../node/apid/service.toml"),
    },
    Boxed {
        name: "netd",
        user: 60_601,
        groups: "60611",
        capabilities: NET_BIND_SERVICE | NET_ADMIN | NET_RAW,
        network: "host",
        writable: "/proc/sys/net,/run/ampoule/netd,/run/ampoule/netd/links,/state/netd",
        devices: "",
        file: include_str!("../../../../node/netd/service.toml"),
    },
    Boxed {
        name: "netd-parser",
        user: 60_611,
        groups: "",
        capabilities: 0,
        network: "own",
        writable: "/run/ampoule/netd-parser",
        devices: "",
        file: include_str!("../../../../node/netd-parser/service.toml"),
    },
    Boxed {
        name: "logd",
        user: 60_602,
        groups: "",
        capabilities: SYSLOG,
        network: "own",
        writable: "/run/ampoule/logd,/var/log/ampoule",
        devices: "console,kmsg",
        file: include_str!("../../../../node/logd/service.toml"),
    },
    Boxed {
        name: "clock",
        user: 60_603,
        groups: "",
        capabilities: SYS_TIME,
        network: "own",
        writable: "/state/clock",
        devices: "",
        file: include_str!("../../../../node/clock/service.toml"),
    },
    Boxed {
        name: "ntpd",
        user: 60_604,
        groups: "60601",
        capabilities: SYS_TIME,
        network: "host",
        writable: "/run/ampoule/ntpd",
        devices: "",
        file: include_str!("../../../../image/packages/ntpd/service.toml"),
    },
    Boxed {
        name: "modload",
        user: 60_607,
        groups: "",
        capabilities: SYS_MODULE,
        network: "own",
        writable: "/state/modload",
        devices: "",
        file: include_str!("../../../../node/modload/service.toml"),
    },
    Boxed {
        name: "update-fetcher",
        user: 60_612,
        groups: "60601",
        capabilities: 0,
        network: "host",
        writable: "/run/ampoule/update-fetcher",
        devices: "",
        file: include_str!("../../../../node/update-fetcher/service.toml"),
    },
    Boxed {
        name: "updated",
        user: 60_610,
        groups: "60600,60608,60609,60612",
        capabilities: DAC_READ_SEARCH | SYS_ADMIN,
        network: "own",
        writable: "/run/ampoule/updated,/state/updated,/var/lib/ampoule/updated",
        devices: "host",
        file: include_str!("../../../../node/updated/service.toml"),
    },
];

/// Those that see the node as it is, with the reason in their service files, and their users: what makes containers is root.
const UNBOXED: [(&str, &str); 2] = [("containerd", "0"), ("hostd", "60608")];

fn daemons_are_in_their_boxes(context: &Context) -> Result<()> {
    let wish = "motd = \"probe-box\"";
    let mut node = context.node_with_probe()?.with_settings(wish).start()?;
    node.boots()?;
    let lines = report_of(&mut node, "box")?;
    let boxes: BTreeMap<&str, BTreeMap<&str, &str>> = lines.iter().filter_map(|line| facts(line)).collect();
    for wanted in &BOXES {
        let found = boxes.get(wanted.name).with_context(|| format!("{} does not run: {lines:#?}", wanted.name))?;
        same(wanted, found).with_context(|| format!("{}: {found:#?}", wanted.name))?;
    }
    for (name, user) in UNBOXED {
        let found = boxes.get(name).with_context(|| format!("{name} does not run"))?;
        ensure!(found["Uid"] == user && found["core"] == "0,0" && found["tasks"] != "max", "{name}: {found:#?}");
    }
    let known: Vec<&str> =
        BOXES.iter().map(|b| b.name).chain(UNBOXED.map(|(name, _)| name)).chain(["probe", "boxed", "probe-engine"]).collect();
    let unknown: Vec<&&str> = boxes.keys().filter(|name| !known.contains(name)).collect();
    ensure!(unknown.is_empty(), "{unknown:?} run and are in no list");
    Ok(())
}

/// `PROBE box NAME KEY=VALUE …`
fn facts(line: &str) -> Option<(&str, BTreeMap<&str, &str>)> {
    let mut words = line.strip_prefix("PROBE box ")?.split(' ');
    let name = words.next().filter(|name| *name != "done")?;
    Some((name, words.filter_map(|word| word.split_once('=')).collect()))
}

fn same(wanted: &Boxed, found: &BTreeMap<&str, &str>) -> Result<()> {
    let file = ServiceFile::parse(wanted.file).map_err(anyhow::Error::msg)?;
    let (user, capabilities) = (wanted.user.to_string(), format!("{:016x}", wanted.capabilities));
    let sets = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"].map(|set| (set, capabilities.as_str()));
    let rest = [
        ("Uid", user.as_str()),
        ("Gid", &user),
        ("Groups", wanted.groups),
        ("NoNewPrivs", "1"),
        // SECCOMP_MODE_FILTER
        ("Seccomp", "2"),
        ("mnt", "own"),
        ("ipc", "own"),
        ("net", wanted.network),
        ("core", "0,0"),
        ("writable", wanted.writable),
        ("devices", &devices(wanted.devices)),
        // Root's own processes do not tell; `lib/report` closes them.
        ("dumpable", if wanted.user == 0 { "unknown" } else { "no" }),
        ("memory", &limit(file.limits.memory.map(|most| most.0))),
        ("tasks", &limit(file.limits.pids.map(u64::from))),
    ];
    for (key, value) in sets.into_iter().chain(rest) {
        let is = found.get(key).copied().unwrap_or_default();
        ensure!(is == value, "{key} is {is:?} and not {value:?}");
    }
    Ok(())
}

/// With those that every service has, in order.
fn devices(more: &str) -> String {
    if more == "host" {
        return more.to_owned();
    }
    let all: BTreeSet<&str> = DEVICES.iter().filter_map(|path| path.strip_prefix("/dev/")).chain(more.split(',')).collect();
    all.into_iter().filter(|name| !name.is_empty()).collect::<Vec<_>>().join(",")
}

fn limit(most: Option<u64>) -> String {
    most.map_or("max".to_owned(), |most| most.to_string())
}

fn a_service_that_was_taken_over(context: &Context) -> Result<()> {
    let wish = "motd = \"probe-boxed\"";
    let mut node = context.node_with_probe()?.with_settings(wish).start()?;
    node.boots()?;
    let lines = node.says("boxed", "PROBE boxed done", within(120))?;
    let failures: Vec<&str> = lines.iter().map(String::as_str).filter(|text| text.contains("FAILED")).collect();
    ensure!(failures.is_empty(), "{failures:#?}");
    // Silence is no success: each kind of attack was tried.
    for tried in
        ["write /etc", "read /dev/vda", "connect /run/ampoule/init.sock", "hidden", "no other process", "no network", "no capability"]
    {
        ensure!(lines.iter().any(|line| line.contains(tried)), "it did not try {tried}: {lines:#?}");
    }
    node.eventually("it was killed and that is told", within(60), |node| {
        let service = node.service("boxed")?;
        ensure!(service.state == ServiceState::Failed && service.pid.is_none(), "{service:?}");
        let told = node.log_of("kernel")?;
        let by_kernel = |text: &str| text.contains("type=1326") && text.contains("comm=\"probe\"") && text.contains("sig=31");
        ensure!(told.iter().any(|line| by_kernel(&line.text)), "the kernel's log does not name the call");
        let init = "Service `boxed` was killed by its list of system calls";
        ensure!(told.iter().any(|line| line.text.contains(init)), "init does not say so");
        Ok(())
    })?;
    node.stops_at_the_power_button()
}
