//! Containers that are hostile to the runtime itself, at the moments at which it works in them: commands that it starts there, mounts that it makes there.

use std::{collections::BTreeSet, fs, thread};

use ampoule_api_types::v1::{Denial, WorkloadState};
use ampoule_registry::{Image, PackedFile, Registry, pack, pack_at};
use anyhow::{Context as _, Result, ensure};
use serde_json::{Map, Value, json};

use super::{
    escapes::{image, says},
    updates::is_good,
};
use crate::{
    context::Context,
    framework::{Node, within},
    runner::Case,
};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "commands_in_hostile_containers_give_nothing_away",
        about: "health checks in containers whose program is the runtime's own (CVE-2019-5736), that lie in wait for it, and whose working directory is one of its descriptors (CVE-2024-21626): nothing is written, nothing of the node is seen, and the node goes on",
        limit: within(900),
        soak: false,
        run: commands_in_hostile_containers_give_nothing_away,
    },
    Case {
        name: "swapped_links_lead_nowhere",
        about: "links in images where volumes belong, and folders and links that change places in volumes while workloads start there and volumes change owners: nothing of the node or of a neighbour is reached or changed",
        limit: within(1200),
        soak: true,
        run: swapped_links_lead_nowhere,
    },
];

/// Where commands in the second container are started; that container puts something else there.
const FOLDER: &str = "/work";
/// Checks that the first container answers with the runtime's program, and how it is asked.
const BAITS: [(&str, &str); 2] = [("script", "/script"), ("link", "/link")];
/// Checks in the second container.
const STRAYING: [&str; 2] = ["stray0", "stray1"];

fn program(context: &Context) -> Result<PackedFile> {
    let content = fs::read(context.escape()?).context("the attacker's program")?;
    Ok(PackedFile { path: "escape".into(), content, mode: 0o755 })
}

fn commands_in_hostile_containers_give_nothing_away(context: &Context) -> Result<()> {
    let file = [program(context)?];
    let images = [("escape".to_owned(), pack(&file, &["/escape"])?), ("astray".to_owned(), pack_at(FOLDER, &file, &["/escape"])?)];
    let registry = Registry::start(Vec::from(images))?;
    let checks = BAITS.map(|(name, path)| (name.to_owned(), check("ambush", &[path]))).into_iter();
    let checks = checks.chain(STRAYING.map(|name| (name.to_owned(), check("astray", &["/escape", "where"]))));
    let checks = checks.chain([("plain".to_owned(), check("ambush", &["/escape", "nothing"]))]);
    let mut node = context.node().through_firmware().trusting_registry(&trusted(&registry)).start()?;
    node.boots()?;
    node.set(json!({
        "updates": { "health-timeout": "20m", "checks": Map::from_iter(checks) },
        "workloads": {
            "ambush": { "image": image(&registry, "escape"), "args": ["ambush"] },
            "astray": { "image": image(&registry, "astray"), "args": ["astray"] },
        },
    }))?;
    says(&mut node, "ambush", "AMBUSH laid Ok(())", 120)?;
    says(&mut node, "astray", "ASTRAY begins Ok(())", 120)?;

    let told = all_was_tried(&mut node)?;
    let said: Vec<String> = ["ambush", "astray"].iter().map(|name| said(&node, name)).collect::<Result<Vec<_>>>()?.concat();
    fs::write(context.folder().join("told"), format!("{told:#?}\n{said:#?}\n{:#?}\n", node.client()?.denials()?.denials))?;
    let holes: Vec<&String> = told.iter().chain(&said).filter(|line| line.contains("SUCCEEDED")).collect();
    ensure!(holes.is_empty(), "{holes:#?}");
    they_are_on_record(&mut node)?;

    let well = check("ambush", &["/escape", "nothing"]);
    let well = BAITS.iter().map(|(name, _)| *name).chain(STRAYING).map(|name| (name.to_owned(), well.clone()));
    node.set(json!({ "updates": { "checks": Map::from_iter(well) }, "workloads": { "astray": { "enabled": false } } }))?;
    is_good(&mut node)?;
    node.set(json!({ "workloads": { "later": { "image": image(&registry, "escape"), "args": ["ear"] } } }))?;
    says(&mut node, "later", "EAR open", 120)?;
    // The root with the runtime in it is the one that was built, or the kernel would not have it.
    node.reboots()?;
    node.runs("later")?;
    node.stops_at_the_power_button()
}

fn trusted(registry: &Registry) -> String {
    image(registry, "x").split('/').next().unwrap_or_default().to_owned()
}

fn check(workload: &str, command: &[&str]) -> Value {
    json!({ "kind": "command", "workload": workload, "command": command, "timeout": "20s" })
}

fn said(node: &Node, name: &str) -> Result<Vec<String>> {
    Ok(node.log_of(&format!("workload/{name}"))?.into_iter().map(|line| line.text).collect())
}

/// What the node says of the checks, each thing once, until each bait was taken, the runtime was met, and commands were started in both kinds of places.
fn all_was_tried(node: &mut Node) -> Result<BTreeSet<String>> {
    let mut told = BTreeSet::new();
    node.eventually("all was tried", within(240), |node| {
        told.extend(node.client()?.updates()?.boot.waits_for);
        let met = said(node, "ambush")?;
        ensure!(met.iter().any(|line| line.starts_with("AMBUSH met") || line.starts_with("AMBUSH held")), "it met nobody: {met:?}");
        // Not that the workload was not yet there, or that the engine was busy.
        let asked = |name: &str, ends: &[&str]| {
            told.iter().any(|line| line.starts_with(&format!("check {name}:")) && ends.iter().any(|end| line.contains(end)))
        };
        for (name, _) in BAITS {
            ensure!(
                asked(name, &["could not start the command", "it ended with code", "did not end within"]),
                "{name} was not asked: {told:?}"
            );
        }
        for name in STRAYING {
            ensure!(asked(name, &["current working directory is outside", "chdir to cwd"]), "{name} was not led astray: {told:?}");
        }
        Ok(())
    })?;
    Ok(told)
}

/// Looking into a process of the runtime, becoming its program by a link, and by a script.
const RECORDS: [(&str, &str, &str); 3] =
    [("runc_t", "dir", "search"), ("runc_exec_t", "file", "entrypoint"), ("runc_exec_t", "file", "map")];

fn they_are_on_record(node: &mut Node) -> Result<()> {
    node.eventually("the denials are told", within(60), |node| {
        let list = node.client()?.denials()?.denials;
        for (target, class, permission) in RECORDS {
            let is = |denial: &Denial| {
                let names = (denial.domain.as_deref(), denial.target_type.as_deref(), denial.class.as_str());
                names == (Some("container_t"), Some(target), class) && denial.permissions.iter().any(|told| told == permission)
            };
            ensure!(list.iter().any(is), "no record of {class} {permission} {target}: {list:#?}");
        }
        Ok(())
    })
}

/// Where the volume of the one that keeps to itself lies on the node, and ways there from a container that is being made.
const KEPT: &str = "/var/lib/ampoule/volumes/kept";
const TARGETS: [&str; 8] = [
    KEPT,
    "../../../../../../../../../../var/lib/ampoule/volumes/kept",
    concat!("/proc/self/root", "/var/lib/ampoule/volumes/kept"),
    concat!("/proc/1/root", "/var/lib/ampoule/volumes/kept"),
    "/proc/self/cwd",
    "/proc/self/fd/7",
    "/",
    "/../../etc",
];
/// Workloads that are started again and again; the last has the node's ids.
const VICTIMS: [&str; 3] = ["victim0", "victim1", "plain"];
const ROUNDS: usize = 8;
/// What runc says where a link led to no place in the container's own root.
const NO_PLACE: &str = "create mountpoint for";
/// Places of volumes behind what changes.
const PLACES: [&str; 2] = ["/shared/moving/deep", "/shared/moving"];

fn swapped_links_lead_nowhere(context: &Context) -> Result<()> {
    let registry = Registry::start(images(context)?)?;
    let escape = image(&registry, "escape");
    let mut node = context.node().trusting_registry(&trusted(&registry)).start()?;
    node.boots()?;
    node.set(json!({ "workloads": { "keeper": { "image": escape, "args": ["keep"], "volumes": ["kept:/data"] } } }))?;
    says(&mut node, "keeper", "KEEP made Ok(())", 120)?;
    let mut report = links_of_images(&mut node, &registry)?;

    node.set(json!({ "workloads": { "swapper": { "image": escape, "args": swap("/shared"), "volumes": ["shared:/shared:shared"] } } }))?;
    says(&mut node, "swapper", &format!("SWAP {} Ok(())", TARGETS[TARGETS.len() - 1]), 120)?;
    for round in 0..ROUNDS {
        report.extend(start_victims(&mut node, &escape, round)?);
    }
    report.extend(volumes_change_owners(&mut node, &escape)?);
    they_start_again(&mut node, &escape)?;
    fs::write(context.folder().join("found"), format!("{report:#?}\n"))?;

    let holes: Vec<&String> = report.iter().filter(|line| is_hole(line)).collect();
    ensure!(holes.is_empty(), "{holes:#?}");
    places_were_swapped(&report)?;
    keeper_is_as_it_was(&node)?;
    node.boots()?;
    node.stops_at_the_power_button()
}

/// One with the program, and one for each target with a link to it where its volume belongs.
fn images(context: &Context) -> Result<Vec<(String, Image)>> {
    let file = program(context)?;
    let linked = TARGETS
        .iter()
        .enumerate()
        .map(|(number, target)| Ok((format!("link{number}"), pack(&[file.clone(), PackedFile::link("data", target)], &["/escape"])?)));
    std::iter::once(Ok(("escape".to_owned(), pack(std::slice::from_ref(&file), &["/escape"])?))).chain(linked).collect()
}

fn swap(folder: &str) -> Vec<&str> {
    ["swap", folder].into_iter().chain(TARGETS).collect()
}

/// Each has a volume where its image has a link; what each found, or why it was not started.
fn links_of_images(node: &mut Node, registry: &Registry) -> Result<Vec<String>> {
    let names: Vec<String> = (0..TARGETS.len()).map(|number| format!("link{number}")).collect();
    let wanted = names.iter().map(|name| {
        let volume = format!("{name}:/data");
        (
            name.clone(),
            json!({ "image": image(registry, name), "args": ["look", "image", "/data"], "volumes": [volume], "restart": "never" }),
        )
    });
    node.set(json!({ "workloads": Map::from_iter(wanted) }))?;
    let ends = names.iter().map(|name| end_of(node, name, "image")).collect::<Result<Vec<_>>>()?;
    let gone = names.iter().map(|name| (name.clone(), json!({ "enabled": false })));
    node.set(json!({ "workloads": Map::from_iter(gone) }))?;
    Ok(ends.concat())
}

fn start_victims(node: &mut Node, image: &str, round: usize) -> Result<Vec<String>> {
    let word = format!("round{round}");
    let wanted = VICTIMS.iter().map(|name| {
        let own = format!("{name}:{}", PLACES[round % PLACES.len()]);
        let args = ["look", &word, "/shared", "/shared/moving", "/shared/moving/deep", "/shared/link"];
        let volumes = ["shared:/shared:shared", &own];
        (
            (*name).to_owned(),
            json!({ "image": image, "args": args, "volumes": volumes, "restart": "always", "user-namespace": *name != "plain" }),
        )
    });
    node.set(json!({ "workloads": Map::from_iter(wanted) }))?;
    // Meanwhile those that have ended are started again.
    let ends = VICTIMS.iter().map(|name| end_of(node, name, &word)).collect::<Result<Vec<_>>>()?;
    thread::sleep(within(3));
    Ok(ends.concat())
}

/// All that a workload has said of this round once it has said something, or that it could not be started; each line with its name.
fn end_of(node: &mut Node, name: &str, round: &str) -> Result<Vec<String>> {
    let named = |line: &String| format!("{name}: {line}");
    node.eventually(&format!("{name} has looked or was not started"), within(240), |node| {
        let lines: Vec<String> = said(node, name)?.into_iter().filter(|line| line.starts_with("LOOK ")).collect();
        let facts = node.workload(name)?;
        let refused = facts.state == WorkloadState::BackingOff && facts.message.contains(NO_PLACE);
        if refused {
            return Ok(lines.iter().map(named).chain([format!("{name}: REFUSED {}", facts.message)]).collect());
        }
        ensure!(lines.iter().any(|line| line.starts_with(&format!("LOOK {round} "))), "{facts:?} {lines:?}");
        Ok(lines.iter().map(named).collect())
    })
}

/// A volume in which everything moves becomes another's too, and its owner's alone again: the node labels and counts anew what is in it, while its owner, who
/// does not end when asked, is still there.
fn volumes_change_owners(node: &mut Node, image: &str) -> Result<Vec<String>> {
    let (mut ends, args) = (Vec::new(), swap("/mine"));
    for round in 0..3 {
        let word = format!("owner{round}");
        node.set(json!({ "workloads": {
            "joiner": { "enabled": false, "image": image, "volumes": [] },
            "owner": { "image": image, "args": args, "volumes": ["mine:/mine"] },
        } }))?;
        node.runs("owner")?;
        node.set(json!({ "workloads": {
            "joiner": { "enabled": true, "image": image, "args": ["look", word, "/mine", "/mine/moving", "/mine/link"], "volumes": ["mine:/mine:shared"] },
            "owner": { "volumes": ["mine:/mine:shared"] },
        } }))?;
        ends.extend(end_of(node, "joiner", &word)?);
        node.runs("owner")?;
    }
    Ok(ends)
}

/// Where nothing moves, whoever was refused or was cut short in the middle of a start is started.
fn they_start_again(node: &mut Node, image: &str) -> Result<()> {
    let wanted = VICTIMS.iter().map(|name| {
        let own = [format!("{name}:/own")];
        ((*name).to_owned(), json!({ "image": image, "args": ["look", "after", "/own"], "volumes": own }))
    });
    node.set(json!({ "workloads": Map::from_iter(wanted) }))?;
    for name in VICTIMS {
        says(node, name, &format!("LOOK after /volumes/{name}@/own"), 120)?;
    }
    Ok(())
}

/// Something of the node's was seen, or something is mounted that is of neither volume of the one who looks.
fn is_hole(line: &str) -> bool {
    let (name, rest) = line.split_once(": ").unwrap_or_default();
    let own = |mount: &str| ["shared", "mine", name].iter().any(|volume| mount.starts_with(&format!("/volumes/{volume}@/")));
    let mounts = rest.split(' ').filter(|word| word.starts_with("/volumes"));
    rest.contains("SUCCEEDED") || mounts.into_iter().any(|mount| !own(mount))
}

/// Mounts lie in the folder that was there, and where the link led in their own root, or were refused: else nothing moved at the right time.
fn places_were_swapped(report: &[String]) -> Result<()> {
    let of = |name: &'static str| {
        let words = report.iter().filter(move |line| line.starts_with(name)).flat_map(|line| line.split(' '));
        words.filter_map(move |word| word.strip_prefix(&format!("/volumes/{name}@")))
    };
    let places: Vec<&str> = VICTIMS.into_iter().flat_map(of).collect();
    let refused = report.iter().filter(|line| VICTIMS.iter().any(|name| line.starts_with(name)) && line.contains(NO_PLACE)).count();
    let in_place = places.iter().filter(|place| PLACES.contains(place)).count();
    let elsewhere = places.len() - in_place + refused;
    ensure!(in_place > 0 && elsewhere > 0, "{in_place} mounts in their places, {elsewhere} elsewhere or refused: {report:#?}");
    Ok(())
}

/// One state from its start to now: what it has, its label, its text.
fn keeper_is_as_it_was(node: &Node) -> Result<()> {
    let states: Vec<String> = said(node, "keeper")?.into_iter().filter(|line| line.starts_with("KEEP [")).collect();
    let one = states.len() == 1 && states[0].contains(r#"["/data/kept-by-another"]"#) && states[0].ends_with(r#""mine\n""#);
    ensure!(one && node.workload("keeper")?.restarts == 0, "{states:#?}");
    Ok(())
}
