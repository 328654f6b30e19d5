//! Power cuts amid an update: every write of the disk is recorded, the disks that a cut could leave are rebuilt and judged by the boot loader's rules, and some are booted.

use std::{
    fs,
    fs::File,
    ops::Range,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::json;

use super::updates::{installs, is_good, offered, takes_its_loader, version};
use crate::{
    context::Context,
    framework::{Crashed, Known, Pieces, WriteLog, boot_choice, partition, side_by_side, within},
    runner::Case,
    software::{Change, Release},
};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "an_update_survives_power_cuts",
        about: "of 600 disks that a cut could leave, from the first write of an update to the good boot and its boot loader, each has exactly one whole version to boot and a whole loader; ten are booted",
        limit: within(2400),
        soak: false,
        run: |context| survives(context, 600, 10, 1),
    },
    Case {
        name: "soak_an_update_survives_power_cuts",
        about: "the same with 6000 disks, of which 200 are booted",
        limit: within(6 * 3600),
        soak: true,
        run: |context| survives(context, 6000, 200, 3),
    },
];

/// What a person has set before the update.
const MOTD: &str = "from before";

/// Judges so many disks and boots some of them, `at_once` machines side by side.
fn survives(context: &Context, disks: usize, boots: usize, at_once: usize) -> Result<()> {
    let old = context.probe_image()?;
    let log = context.folder().join("writes");
    let (sizes, release) = recorded(context, &log)?;
    let known = [Known::read(&old)?, Known::read(release.image())?];
    let run = WriteLog::open(&old.join("disk.raw"), &log)?;
    let part = run.between(sizes);
    ensure!(part.len() > 100, "only {} operations were recorded", part.len());
    let cuts = run.cuts(part, disks, partition(&old.join("disk.raw"), "ESP")?);
    let sample = Sample { context, known: &known, started: Instant::now(), booted: AtomicUsize::new(0) };
    let find = |pieces: &Pieces<'_, (usize, PathBuf)>| {
        let (every, mut seen) = (step(disks / boots), 0);
        judge(&run, &cuts, &known, |cut, disk| {
            seen += 1;
            // In the middle of each stretch: the first and the last disks of all are the least interesting ones.
            if seen % every != every / 2 {
                return Ok(());
            }
            let path = context.folder().join(format!("cut-{cut}-{seen}.raw"));
            make(&path, &old, disk)?;
            pieces.hand_on((cut, path))
        })
    };
    let (chosen, loaders) = side_by_side(at_once, find, |(cut, path)| sample.boot(cut, &path))?;
    ensure!(chosen.iter().all(|count| *count > disks / 50), "the cuts are all on one side of the change: {chosen:?}");
    ensure!(loaders.iter().all(|count| *count > 0), "no cut was before or none was after the boot loader's change: {loaders:?}");
    let booted = sample.booted.into_inner();
    ensure!(booted >= boots * 9 / 10, "only {booted} of {boots} were booted");
    println!("     {} disks boot {}, {} boot {}", chosen[0], known[0].version(), chosen[1], known[1].version());
    Ok(fs::remove_file(log)?)
}

/// Records every write of a node in `log`. How long that is before and after an update, from its first write to the good boot and its boot loader; and the release.
fn recorded(context: &Context, log: &Path) -> Result<(Range<u64>, Release)> {
    let (release, server) = offered(context, Change::None)?;
    let plan = context.node_with_probe()?.through_firmware().with_settings(&server.settings());
    let mut node = plan.recording_writes(log.to_owned()).start()?;
    node.boots()?;
    is_good(&mut node)?;
    node.set(json!({ "motd": MOTD }))?;
    // Before that, two boots that do not last take it back.
    node.eventually("it is no longer on trial", within(60), |node| {
        ensure!(node.client()?.generations()?.standing.trial.is_none(), "it is");
        Ok(())
    })?;

    let before = fs::metadata(log)?.len();
    installs(&mut node, &release.version)?;
    node.reboots()?;
    is_good(&mut node)?;
    ensure!(version(&node)? == release.version);
    takes_its_loader(&mut node)?;
    let after = fs::metadata(log)?.len();
    node.stops_at_the_power_button()?;
    Ok((before..after, release))
}

/// About as many. Each cut gives three kinds of disk in turn (all written, nothing, some), so a multiple of three would boot one kind alone.
fn step(about: usize) -> usize {
    (1..=about).rev().find(|step| step % 3 != 0).unwrap_or(1)
}

/// How many of the disks boot each of the two versions, and how many have the loader of each.
fn judge(
    run: &WriteLog,
    cuts: &[usize],
    known: &[Known; 2],
    mut keep: impl FnMut(usize, &Crashed<'_>) -> Result<()>,
) -> Result<([usize; 2], [usize; 2])> {
    let (mut chosen, mut loaders) = ([0; 2], [0; 2]);
    run.crashes(cuts, |cut, disk| {
        let choice = boot_choice(disk, known).with_context(|| format!("power cut before operation {cut}"))?;
        match known.iter().position(|known| *known.version() == choice.version) {
            Some(which) => chosen[which] += 1,
            None => bail!("it would boot {}", choice.version),
        }
        loaders[choice.loader] += 1;
        keep(cut, disk)
    })?;
    Ok((chosen, loaders))
}

/// The disks that are booted, each as soon as a machine is free, since it has some hundred mebibytes.
struct Sample<'c> {
    context: &'c Context,
    known: &'c [Known; 2],
    started: Instant,
    booted: AtomicUsize,
}

impl Sample<'_> {
    /// Boots the disk that a cut before this operation left, which is gone then.
    fn boot(&self, cut: usize, disk: &Path) -> Result<()> {
        // The disks are those of the one node, with its certificates.
        let identity = self.context.folder().join("node0/identity");
        let version =
            boots_as_one_of_two(self.context, disk, &identity, self.known).with_context(|| format!("the cut before operation {cut}"))?;
        let booted = self.booted.fetch_add(1, Ordering::Relaxed) + 1;
        println!("     {booted}: the cut before operation {cut} boots {version}, {} s", self.started.elapsed().as_secs());
        Ok(fs::remove_file(disk)?)
    }
}

/// The whole disk in a file, for a machine. `old` is the image that it was made from.
pub(super) fn make(path: &Path, old: &Path, disk: &Crashed<'_>) -> Result<()> {
    let copy = Command::new("cp").arg("--sparse=always").arg(old.join("disk.raw")).arg(path).status()?;
    ensure!(copy.success(), "the disk cannot be copied");
    let file = File::options().write(true).open(path)?;
    file.set_len(disk.size()?)?;
    Ok(disk.write_onto(&file)?)
}

/// The node boots, is one of the two versions, and knows what was set.
fn boots_as_one_of_two(context: &Context, disk: &Path, identity: &Path, known: &[Known; 2]) -> Result<String> {
    let mut node = context.node_with_probe()?.through_firmware().beginning_with(disk.to_owned(), identity.to_owned()).start()?;
    node.boots()?;
    let version = version(&node)?;
    ensure!(known.iter().any(|known| known.version().to_string() == version), "it runs {version}");
    let settings = node.client()?.settings(Some("settings.motd"))?;
    ensure!(settings.to_string().contains(MOTD), "the settings are {settings}");
    // That it also switches itself off is shown elsewhere.
    node.loses_power()?;
    Ok(version)
}
