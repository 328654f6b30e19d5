//! Attacks from inside a workload: known ways out of a container, and a workload that takes all there is. `docs/attacks.md` lists them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    time::Instant,
};

use ampoule_api_types::v1::{Denial, DenialKind, DenialList, WorkloadState};
use ampoule_machine::{HOST_SEEN_FROM_GUEST, LocalIdentity};
use ampoule_registry::{PackedFile, Registry, pack, pack_at};
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::attacks::report_of;
use crate::{
    context::Context,
    framework::{Node, within},
    runner::Case,
    software::get,
};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "escapes_fail",
        about: "root in a workload tries every technique of docs/attacks.md and gets nowhere; the neighbour serves on, and after a reboot nothing is left of it",
        limit: within(600),
        soak: false,
        run: escapes_fail,
    },
    Case {
        name: "a_flood_hides_nobody",
        about: "a workload that makes refused calls without end neither hides what others are refused nor fills the kernel's log nor keeps the API from answering",
        limit: within(600),
        soak: false,
        run: a_flood_hides_nobody,
    },
    Case {
        name: "taking_everything_harms_nobody",
        about: "a workload takes disk, files, processes, memory, processors and log; the API and its neighbour answer all the while",
        // Minutes under emulation, and what it measures is an answer in time: for a machine with nothing else to do.
        limit: within(900),
        soak: true,
        run: taking_everything_harms_nobody,
    },
];

/// Table rows begin with the name in back-quotes.
const LIST: &str = include_str!("../../../../docs/attacks.md");

/// What the system says when it refuses. Others (`EINVAL`, `EFAULT`) would mean that the attempt itself is wrong and proves nothing.
const REFUSALS: [&str; 14] = [
    "EPERM",
    "EACCES",
    "EROFS",
    "ENOENT",
    "ESRCH",
    "ENOSYS",
    "ENXIO",
    "EXDEV",
    "ENODEV",
    "ECONNREFUSED",
    "ENETUNREACH",
    "EHOSTUNREACH",
    "ETIMEDOUT",
    "EOPNOTSUPP",
];

/// Where the neighbour answers, inside and on the node.
const PORT: u16 = 8080;
/// What the attacker pretends to be when it lies about its source (RFC 5737).
const NOBODY: &str = "203.0.113.7";
/// Folders of descriptors that a runtime may have left open (CVE-2024-21626), as working directories of images.
const LEAKS: [&str; 3] = ["/proc/self/fd/7", "/proc/self/fd/8", "/proc/self/fd/9"];

fn escapes_fail(context: &Context) -> Result<()> {
    let registry = registry(context)?;
    let mut node = start(context, &registry, "motd = \"probe-box\"\n")?;
    report_of(&mut node, "box")?;
    node.set(json!({ "workloads": {
        "attacker": { "image": image(&registry, "escape"), "volumes": ["attack:/volume"], "env": environment() },
        "climber": { "image": image(&registry, "escape"), "args": ["climb"], "volumes": ["shared:/shared:shared", "climbed:/shared/top/climbed", "two:/shared/up/climbed"] },
        "leak0": leak(&registry, 0), "leak1": leak(&registry, 1), "leak2": leak(&registry, 2),
    } }))?;
    let tried = every_attempt(&mut node, context)?;
    let holes: Vec<String> = tried.iter().filter(|(_, end)| !was_stopped(end)).map(|(name, end)| format!("{name} {end}")).collect();
    let rest = [
        same_names(&tried),
        neighbour_is_well(&node),
        the_neighbour_heard_no_lie(&node),
        no_leak(&mut node),
        nobody_climbed(&mut node),
        domains_left_a_record(&mut node),
        attacks_left_their_records(&mut node, context),
    ];
    let rest: Vec<String> = rest.into_iter().filter_map(|outcome| Some(format!("{:#}", outcome.err()?))).collect();
    ensure!(holes.is_empty() && rest.is_empty(), "{holes:#?} {rest:#?}");
    nothing_is_left(node)
}

pub(super) fn registry(context: &Context) -> Result<Registry> {
    let content = fs::read(context.escape()?).context("the attacker's program")?;
    let file = [PackedFile { path: "escape".into(), content, mode: 0o755 }];
    let mut images = vec![("escape".to_owned(), pack(&file, &["/escape"])?)];
    for (number, folder) in LEAKS.iter().enumerate() {
        images.push((format!("leak{number}"), pack_at(folder, &file, &["/escape", "try", "working-directory"])?));
    }
    Registry::start(images)
}

pub(super) fn image(registry: &Registry, name: &str) -> String {
    format!("{HOST_SEEN_FROM_GUEST}:{}/{name}:1", registry.port())
}

fn environment() -> Value {
    json!({ "ESCAPE_API_PORT": LocalIdentity::API_PORT.to_string(), "ESCAPE_PUBLISHED": PORT.to_string() })
}

fn leak(registry: &Registry, number: usize) -> Value {
    json!({ "image": image(registry, &format!("leak{number}")), "restart": "never" })
}

/// A node with the neighbour, and one that leaves traps in the folder that both share.
pub(super) fn start(context: &Context, registry: &Registry, settings: &str) -> Result<Node> {
    let (image, api) = (image(registry, "escape"), LocalIdentity::API_PORT);
    let mut node = context
        .node_with_probe()?
        .opening(PORT)
        .trusting_registry(&format!("{HOST_SEEN_FROM_GUEST}:{}", registry.port()))
        .with_settings(settings)
        .with_settings(&format!(
            "[workloads.neighbour]\nimage = \"{image}\"\nargs = [\"neighbour\"]\npublish = [\"{PORT}:{PORT}\"]\nenv = {{ ESCAPE_API_PORT = \"{api}\" }}\n\
             volumes = [\"kept:/data\", \"shared:/shared:shared\"]\n\
             [workloads.planter]\nimage = \"{image}\"\nargs = [\"plant\"]\nvolumes = [\"shared:/shared:shared\"]\n"
        ))
        .start()?;
    node.boots()?;
    node.runs("neighbour")?;
    says(&mut node, "planter", "PLANT done", 60)?;
    says(&mut node, "neighbour", "NEIGHBOUR ready", 60)?;
    neighbour_is_well(&node)?;
    Ok(node)
}

/// Waits for a line of a workload; all its lines.
pub(super) fn says(node: &mut Node, name: &str, text: &str, seconds: u64) -> Result<Vec<String>> {
    let said = node.says(&format!("workload/{name}"), text, within(seconds));
    said.with_context(|| format!("{name}: {:?}", node.workload(name).map(|workload| workload.message)))
}

/// Every attempt by its name, with its end; kept beside the console for the reader.
fn every_attempt(node: &mut Node, context: &Context) -> Result<BTreeMap<String, String>> {
    let lines = says(node, "attacker", "ESCAPE done", 240)?;
    fs::write(context.folder().join("attempts"), lines.join("\n"))?;
    let attempts = lines.iter().filter_map(|line| line.strip_prefix("ESCAPE ")?.split_once(' '));
    Ok(attempts.map(|(name, end)| (name.to_owned(), end.to_owned())).collect())
}

fn was_stopped(end: &str) -> bool {
    let refusal = end.strip_prefix("refused(").and_then(|rest| rest.strip_suffix(')'));
    refusal.map_or_else(|| end.starts_with("impossible: "), |name| REFUSALS.contains(&name))
}

/// What is listed was tried, and what was tried is listed.
fn same_names(tried: &BTreeMap<String, String>) -> Result<()> {
    let listed: Vec<&str> = LIST.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let missing: Vec<&&str> = listed.iter().filter(|name| !tried.contains_key(**name)).collect();
    let unlisted: Vec<&String> = tried.keys().filter(|name| !listed.contains(&name.as_str())).collect();
    ensure!(missing.is_empty() && unlisted.is_empty(), "docs/attacks.md: not tried {missing:?}, not listed {unlisted:?}");
    Ok(())
}

pub(super) fn neighbour_is_well(node: &Node) -> Result<()> {
    let page = get(node.port(PORT)?, "/").context("the neighbour does not answer")?;
    ensure!(page == "what is inside stays\n", "the neighbour's data are {page:?}");
    Ok(())
}

fn the_neighbour_heard_no_lie(node: &Node) -> Result<()> {
    let lines = node.log_of("workload/neighbour")?;
    let bad: Vec<&str> =
        lines.iter().map(|line| line.text.as_str()).filter(|text| text.contains(NOBODY) || text.contains("SUCCEEDED")).collect();
    ensure!(bad.is_empty(), "the neighbour: {bad:#?}");
    for name in ["setuid", "program"] {
        ensure!(lines.iter().any(|line| line.text.starts_with(&format!("NEIGHBOUR {name} refused("))), "the neighbour did not try {name}");
    }
    Ok(())
}

/// They do not start, or start where nothing of the node is.
fn no_leak(node: &mut Node) -> Result<()> {
    for name in ["leak0", "leak1", "leak2"] {
        let facts = node.eventually("it has ended", within(60), |node| {
            let facts = node.workload(name)?;
            let ended = [WorkloadState::Failed, WorkloadState::Stopped, WorkloadState::BackingOff].contains(&facts.state);
            ensure!(ended, "{facts:?}");
            Ok(facts)
        })?;
        let lines = node.log_of(&format!("workload/{name}"))?;
        ensure!(lines.iter().all(|line| !line.text.contains("SUCCEEDED")), "{facts:?} {lines:#?}");
    }
    Ok(())
}

/// Whether somebody in one domain wanted to start something in another. Of who may gain no rights at an execution the kernel asks that first.
pub(super) fn is_of(denial: &Denial, from: &str, to: &str) -> bool {
    let transition = |permission: &String| ["transition", "nnp_transition", "nosuid_transition"].contains(&permission.as_str());
    let names = (denial.domain.as_deref(), denial.target_type.as_deref());
    denial.class.starts_with("process") && names == (Some(from), Some(to)) && denial.permissions.iter().any(transition)
}

/// Asking for another domain is among the denials, by the workload that asked.
fn domains_left_a_record(node: &mut Node) -> Result<()> {
    node.eventually("the denials are told", within(60), |node| {
        let list = node.client()?.denials()?.denials;
        for wanted in ["init_t", "apid_t", "control_t", "super_t"] {
            ensure!(list.iter().any(|denial| is_of(denial, "container_t", wanted)), "no record of asking for {wanted}: {list:#?}");
        }
        Ok(())
    })
}

/// A row of the list: an attack, and what the node has on record of it, `none` included.
fn listed_records() -> Result<Vec<(&'static str, &'static str)>> {
    let rows = LIST.lines().filter_map(|line| line.strip_prefix("| `"));
    let cells = |row: &'static str| -> Option<_> { Some((row.split('`').next()?, row.split('|').nth(4)?.trim())) };
    rows.map(|row| cells(row).with_context(|| format!("docs/attacks.md: a row says nothing of its record: {row}"))).collect()
}

/// Each attack left the record that is listed, and no refused call is on record that none of them stands for.
fn attacks_left_their_records(node: &mut Node, context: &Context) -> Result<()> {
    let listed = listed_records()?;
    node.eventually("every record is there", within(60), |node| {
        let all = node.client()?.denials()?;
        fs::write(context.folder().join("denials"), format!("{all:#?}"))?;
        let found: Vec<Denial> = all.denials.into_iter().filter(|denial| denial.workload.as_deref() == Some("attacker")).collect();
        let missing: Vec<_> = listed.iter().filter(|(_, record)| !is_on_record(record, &found)).collect();
        let unlisted: Vec<&str> =
            found.iter().filter_map(|denial| denial.call.as_deref()).filter(|call| !stands_for(&listed, call)).collect();
        ensure!(
            missing.is_empty() && unlisted.is_empty(),
            "no record: {missing:#?}; not in docs/attacks.md: {unlisted:?}; {} left out",
            all.left_out
        );
        Ok(())
    })
}

/// `call NAME`: the list of system calls; `access CLASS PERMISSION`: the policy; `none`, with why in the text below the list.
fn is_on_record(record: &str, found: &[Denial]) -> bool {
    let words: Vec<&str> = record.trim_matches('`').split(' ').collect();
    match words.as_slice() {
        ["none"] => true,
        ["call", name] => found.iter().any(|denial| denial.kind == DenialKind::CallRefused && denial.call.as_deref() == Some(name)),
        ["access", class, permission] => found.iter().any(|denial| {
            denial.kind == DenialKind::Access && denial.class == *class && denial.permissions.iter().any(|p| p == permission)
        }),
        _ => false,
    }
}

fn stands_for(listed: &[(&str, &str)], call: &str) -> bool {
    listed.iter().any(|(_, record)| record.trim_matches('`').strip_prefix("call ") == Some(call))
}

/// A place behind planted links lies in the workload's own root, or the workload does not start.
fn nobody_climbed(node: &mut Node) -> Result<()> {
    node.eventually("the climber has looked, or was not started", within(60), |node| {
        let facts = node.workload("climber")?;
        let lines = node.log_of("workload/climber")?;
        let looked = lines.iter().any(|line| line.text == "CLIMB done");
        ensure!(looked || [WorkloadState::Failed, WorkloadState::BackingOff].contains(&facts.state), "{facts:?}");
        ensure!(lines.iter().all(|line| !line.text.contains("SUCCEEDED")), "{lines:#?}");
        Ok(())
    })
}

/// After it was switched off and on: the same services, nobody else, the same root (the kernel would not have mounted another), and the neighbour's data.
///
/// Not after a reboot of the same machine: the emulator's network keeps what thousands of packets of the attacks have left in it, and holds up every processor of the guest for it.
fn nothing_is_left(mut node: Node) -> Result<()> {
    let seen = node.log_of("probe")?.last().map_or(0, |line| line.seq);
    let gone = ["attacker", "climber", "planter", "leak0", "leak1", "leak2"].map(|name| (name.to_owned(), json!({ "enabled": false })));
    node.set(json!({ "workloads": serde_json::Map::from_iter(gone) }))?;
    node.stops_at_the_power_button()?;
    let mut node = node.starts_again()?;
    node.boots()?;
    node.runs("neighbour")?;
    node.eventually("the neighbour answers again", within(60), |node| neighbour_is_well(node))?;
    let now = node.eventually("the program of the test image has looked anew", within(240), |node| services_since(node, seen))?;
    // One that ends early may not be seen; who is none of the image's services was brought.
    let known: BTreeSet<String> = node.client()?.services()?.services.into_iter().map(|service| service.name).collect();
    let stays = ["apid", "containerd", "hostd", "logd", "netd"];
    ensure!(stays.iter().all(|name| now.contains(*name)) && now.is_subset(&known), "now {now:?}, of the image {known:?}");
    Ok(())
}

/// Names of the services that the program of the test image has seen running, if it has told all that it saw after this line of the log (which goes on over reboots).
fn services_since(node: &Node, seen: u64) -> Result<BTreeSet<String>> {
    let lines: Vec<String> = node.log_of("probe")?.into_iter().filter(|line| line.seq > seen).map(|line| line.text).collect();
    ensure!(lines.iter().any(|line| line == "PROBE box done") && lines.iter().all(|line| !line.contains("FAILED")), "{lines:#?}");
    Ok(lines.iter().filter_map(|line| line.strip_prefix("PROBE box ")?.split_once(' ')).map(|(name, _)| name.to_owned()).collect())
}

/// Of what comes in five seconds the kernel's log has 40 lines (`kernel.printk_ratelimit_burst`); twice that in a second at most.
const MOST_LINES: u64 = 16;

fn a_flood_hides_nobody(context: &Context) -> Result<()> {
    let registry = registry(context)?;
    let mut node = start(context, &registry, "")?;
    let escape = |args: &[&str]| json!({ "image": image(&registry, "escape"), "args": args, "restart": "never" });
    node.set(json!({ "workloads": { "flooder": escape(&["flood"]) } }))?;
    says(&mut node, "flooder", "FLOOD begins", 60)?;
    let begin = Instant::now();
    node.set(json!({ "workloads": { "one": escape(&["try", "setns-1"]), "two": escape(&["try", "domain-init"]) } }))?;
    let list = node.eventually("what two others were refused is told", within(240), |node| {
        let list = node.client()?.with_timeout(within(20)).denials()?;
        let of = |name: &str, call: Option<&str>| {
            list.denials.iter().any(|denial| denial.workload.as_deref() == Some(name) && denial.call.as_deref() == call)
        };
        ensure!(of("one", Some("setns")) && of("two", None), "{}", in_short(node, &list));
        Ok(list)
    })?;
    fs::write(context.folder().join("denials"), format!("{list:#?}"))?;
    let flood = list.denials.iter().find(|denial| denial.workload.as_deref() == Some("flooder")).context("no record of the flood")?;
    ensure!(flood.count > 1000, "that was no flood, and proves nothing: {flood:?}");
    node.set(json!({ "workloads": { "flooder": { "enabled": false } } }))?;
    // While it goes on, some are on their way.
    node.eventually("every one of its records was read", within(60), |node| {
        let list = node.client()?.with_timeout(within(20)).denials()?;
        ensure!(list.left_out == 0, "{}", in_short(node, &list));
        Ok(())
    })?;
    let lines = node.log_of("kernel")?.iter().filter(|line| line.text.contains("type=1326")).count() as u64;
    ensure!(lines < 100 + MOST_LINES * begin.elapsed().as_secs(), "the kernel's log has {lines} lines of it after {:?}", begin.elapsed());
    neighbour_is_well(&node)?;
    node.boots().map(drop)
}

/// What was counted of whom, and how the two others are.
fn in_short(node: &Node, list: &DenialList) -> String {
    let of = |denial: &Denial| format!("{:?} {:?} {}: {}", denial.workload, denial.call, denial.class, denial.count);
    let counted: Vec<String> = list.denials.iter().map(of).collect();
    let how = |name: &str| {
        (name.to_owned(), node.workload(name).map(|workload| (workload.state, workload.message)), node.log_of(&format!("workload/{name}")))
    };
    format!("counted: {counted:#?}, left out: {}; {:?}; {:?}", list.left_out, how("one"), how("two"))
}

fn taking_everything_harms_nobody(context: &Context) -> Result<()> {
    let registry = registry(context)?;
    let mut node = start(context, &registry, "")?;
    let pid = node.workload("neighbour")?.pid;
    let args = ["exhaust", "pids", "inodes", "log", "cpu", "memory", "disk-root", "disk-volume"];
    node.set(json!({ "workloads": { "greedy": { "image": image(&registry, "escape"), "args": args, "volumes": ["greedy:/volume"], "restart": "never" } } }))?;
    let (mut answers, mut misses) = (0, Vec::new());
    let lines = node.eventually("it has taken everything", within(360), |node| {
        // A slow answer under emulation is one; none is not, and trying again does not make it one.
        let api = node.client()?.with_timeout(within(20)).os().context("the API does not answer");
        misses.extend([api.map(drop), neighbour_is_well(node)].into_iter().filter_map(Result::err));
        answers += 1;
        let lines: Vec<String> =
            node.log_of("workload/greedy")?.into_iter().map(|line| line.text).filter(|text| text.starts_with("EXHAUST")).collect();
        let ended = matches!(node.workload("greedy")?.state, WorkloadState::Stopped | WorkloadState::Failed);
        ensure!(ended || lines.iter().any(|line| line == "EXHAUST done"), "{lines:#?}");
        Ok(lines)
    })?;
    fs::write(context.folder().join("attempts"), lines.join("\n"))?;
    ensure!(misses.is_empty() && answers > 10, "{answers} rounds, without an answer: {misses:?}; {lines:#?}");
    for kind in ["pids", "memory", "disk-volume", "disk-root"] {
        ensure!(!lines.iter().any(|line| line.starts_with(&format!("EXHAUST {kind} NOT STOPPED"))), "{kind}: {lines:#?}");
    }
    for kind in ["disk-volume", "disk-root"] {
        let quota = lines.iter().any(|line| line.starts_with(&format!("EXHAUST {kind} stopped")) && line.contains("Disk quota exceeded"));
        ensure!(quota, "{kind} was not stopped by the share that a workload has by itself: {lines:#?}");
    }
    node.boots()?;
    neighbour_is_well(&node)?;
    ensure!(node.workload("neighbour")?.pid == pid, "the neighbour was restarted");
    node.set(json!({ "workloads": { "greedy": { "enabled": false } } }))?;
    node.reboots()?;
    node.runs("neighbour")?;
    node.eventually("the neighbour answers again", within(60), |node| neighbour_is_well(node))
}
