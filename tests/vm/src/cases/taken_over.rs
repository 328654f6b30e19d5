//! Every daemon replaced by an attacker's program: what that reaches in the daemon's place equals `policy/reach.toml`.
//!
//! Beside each daemon of a node runs a program with its domain, user, capabilities, view, limits and list of system calls, which tries everything it can think of.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use ampoule_builder::{Silent, unpack, with_root};
use ampoule_supervise::service::{Readiness, ServiceFile};
use ampoule_syscalls::List;
use anyhow::{Context as _, Result, ensure};
use toml::{Table, Value};

use crate::{
    context::{Context, checkout},
    framework::{Node, within},
    runner::Case,
};

pub(super) const CASES: &[Case] = &[Case {
    name: "taken_over_daemons_reach_what_is_listed",
    about: "an attacker's program in the place of each daemon reads, writes, connects to, signals and changes what policy/reach.toml lists for that daemon, and nothing else",
    limit: within(600),
    soak: false,
    run: taken_over_daemons_reach_what_is_listed,
}];

const SERVICES: &str = "usr/lib/ampoule/services";
const LABELS: &str = "policy/selinux/file-contexts";
/// The node's own attackers, which are no daemons.
const PROBES: [&str; 3] = ["probe", "boxed", "probe-engine"];
/// What its service file tells of a daemon's work, and not of its box.
const WORK: [&str; 9] =
    ["requires", "after", "ready-timeout", "read-ahead", "environment", "environment-files", "stop", "reload", "restart"];
/// A kind of attempts, with the calls that it needs: their names and first arguments. `AF_UNIX` is 1, `AF_INET` 2.
const KINDS: [(&str, &[(&str, u64)]); 8] = [
    ("files", &[("openat", 0)]),
    ("sockets", &[("socket", 1), ("connect", 0)]),
    ("signals", &[("kill", 0)]),
    ("network", &[("socket", 2), ("connect", 0), ("bind", 0)]),
    ("mount", &[("fsopen", 0)]),
    ("clock", &[("clock_settime", 0)]),
    ("module", &[("finit_module", 0)]),
    ("copies", &[("statx", 0), ("lseek", 0)]),
];

fn taken_over_daemons_reach_what_is_listed(context: &Context) -> Result<()> {
    let image = Besieged::of(context)?;
    let mut node = context.node_with_probe()?.of_image(image.folder.clone()).start()?;
    node.boots()?;
    let mut listed: BTreeMap<String, BTreeSet<String>> = toml::from_str(&fs::read_to_string(checkout()?.join("policy/reach.toml"))?)?;
    let everybody = listed.remove("everybody").unwrap_or_default();
    let mut wrong = Vec::new();
    for daemon in &image.daemons {
        let reached = reached(&mut node, daemon)?;
        println!("     {daemon} reaches {} places", reached.len());
        let listed: BTreeSet<String> =
            listed.get(daemon).cloned().with_context(|| format!("{daemon} is not listed"))?.union(&everybody).cloned().collect();
        wrong.extend(listed.difference(&reached).map(|what| format!("{daemon} does not reach what is listed: {what}")));
        wrong.extend(reached.difference(&listed).map(|what| format!("{daemon} reaches what is not listed: {what}")));
    }
    wrong.extend(listed.keys().filter(|name| !image.daemons.contains(*name)).map(|name| format!("{name} is listed and no daemon")));
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    node.stops_at_the_power_button()?;
    Ok(fs::remove_dir_all(&image.folder)?)
}

/// What a daemon's attacker told, with the names of services in the place of the numbers of their processes. Those that are no service's are left out: the engine's helpers come and go.
fn reached(node: &mut Node, daemon: &str) -> Result<BTreeSet<String>> {
    let lines = node.says(&name(daemon), "PROBE intruder done", within(240))?;
    let services = node.client()?.services()?.services;
    let named = |what: &str| match what.rsplit_once(' ') {
        Some((words @ ("signal" | "memory of"), number)) => {
            let service = services.iter().find(|service| service.pid.is_some_and(|pid| pid.to_string() == number))?;
            Some(format!("{words} {}", service.name))
        }
        _ => Some(what.to_owned()),
    };
    Ok(lines.iter().filter_map(|line| named(line.strip_prefix("PROBE reach ")?)).collect())
}

/// The attacker's service.
fn name(daemon: &str) -> String {
    format!("taken-{daemon}")
}

/// The image of the variant `test` with an attacker beside each daemon.
struct Besieged {
    folder: PathBuf,
    daemons: Vec<String>,
}

impl Besieged {
    fn of(context: &Context) -> Result<Self> {
        let (from, folder, tree) = (context.probe_image()?, context.folder().join("image"), context.folder().join("tree"));
        unpack(&from.join("root.erofs"), &tree)?;
        let daemons = daemons(&tree)?;
        let mut labels = fs::read_to_string(checkout()?.join(LABELS))?;
        for daemon in &daemons {
            let label = besiege(&tree, daemon, &labels, &daemons)?;
            labels.push_str(&label);
        }
        let place = context.folder().join("file-contexts");
        fs::write(&place, labels)?;
        fs::create_dir(&folder)?;
        with_root(&from, &tree, &place, &folder, context.cache(), &Silent)?;
        fs::remove_dir_all(&tree)?;
        Ok(Self { folder, daemons: daemons.into_iter().map(|daemon| daemon.name).collect() })
    }
}

/// A service of the node.
struct Daemon {
    name: String,
    text: String,
    file: ServiceFile,
}

/// The services of the image, without its own attackers.
fn daemons(tree: &Path) -> Result<Vec<Daemon>> {
    let mut daemons = Vec::new();
    for entry in fs::read_dir(tree.join(SERVICES))? {
        let path = entry?.path();
        let name = path.file_stem().context("a file without a name")?.to_string_lossy().into_owned();
        if PROBES.contains(&name.as_str()) {
            fs::remove_file(path)?;
            continue;
        }
        let text = fs::read_to_string(path)?;
        let file = ServiceFile::parse(&text).map_err(anyhow::Error::msg)?;
        daemons.push(Daemon { name, text, file });
    }
    daemons.sort_by(|one, other| one.name.cmp(&other.name));
    ensure!(daemons.len() > 10, "only {} services", daemons.len());
    Ok(daemons)
}

/// Puts the attacker of one daemon into the tree; the label of its program.
fn besiege(tree: &Path, daemon: &Daemon, labels: &str, all: &[Daemon]) -> Result<String> {
    let (name, real) = (name(&daemon.name), &daemon.file.command[0]);
    let program = format!("usr/bin/{name}");
    fs::copy(tree.join("usr/bin/probe"), tree.join(&program))?;
    let command = [format!("/{program}"), "intruder".to_owned(), kinds(&daemon.file)?.join(",")];
    fs::write(tree.join(SERVICES).join(name).with_extension("toml"), attackers(&daemon.text, &command, all)?)?;
    let of_daemon = labels.lines().find(|line| line.split_whitespace().next() == Some(real));
    let label = of_daemon.and_then(|line| line.split_whitespace().last()).with_context(|| format!("{real} has no label"))?;
    Ok(format!("/{program} -- {label}\n"))
}

/// The attempts that its list of system calls lets it make; all of them without a list.
fn kinds(real: &ServiceFile) -> Result<Vec<&'static str>> {
    let list = real.rights.seccomp.as_ref().map(|name| List::read(&checkout()?.join("policy/seccomp"), name)).transpose()?;
    let allowed = |calls: &[(&str, u64)]| list.as_ref().is_none_or(|list| calls.iter().all(|(call, first)| list.allows(call, &[*first])));
    Ok(KINDS.iter().filter(|(_, calls)| allowed(calls)).map(|(kind, _)| *kind).collect())
}

/// The daemon's service file with another program, which starts once, when all daemons are ready.
fn attackers(text: &str, command: &[String], all: &[Daemon]) -> Result<String> {
    let mut file: Table = text.parse()?;
    WORK.iter().for_each(|key| drop(file.remove(*key)));
    if let Some(Value::Table(directories)) = file.get_mut("directories") {
        // The place is taken, by the daemon itself.
        directories.remove("links");
    }
    let more: Table =
        toml::from_str("description = \"Plays a daemon that was taken over\"\nreadiness = \"started\"\nrestart.policy = \"never\"")?;
    file.extend(more);
    let names = |which: fn(&&Daemon) -> bool| all.iter().filter(which).map(|daemon| daemon.name.as_str()).collect::<Vec<_>>();
    file.insert("command".to_owned(), Value::try_from(command)?);
    file.insert("after".to_owned(), Value::try_from(names(|_| true))?);
    // Those that say when they are ready: what they offer is there by then.
    file.insert("requires".to_owned(), Value::try_from(names(|daemon| daemon.file.readiness == Readiness::Notify))?);
    Ok(toml::to_string(&file)?)
}
