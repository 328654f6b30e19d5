//! Power cuts amid changes of the settings: every write of the disk is recorded, and of the disks that a cut could leave each has whole settings, no older than the last ones that were
//! acknowledged.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    ops::{Range, RangeInclusive},
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::power_cuts::make;
use crate::{
    context::Context,
    framework::{Crashed, Node, WriteLog, partition, within},
    runner::Case,
};

pub(super) const CASES: &[Case] = &[Case {
    name: "acknowledged_settings_survive_power_cuts",
    about: "of 300 disks that a cut could leave amid a dozen changes, each has whole settings: those of the last change that was acknowledged before the cut, or of one that was under way; three are booted",
    limit: within(600),
    soak: false,
    run: acknowledged_settings_survive,
}];

/// Disks that are looked at, and the numbers of those that are booted: with all that was written before the cut, with nothing since the last flush, and with some of it.
const DISKS: usize = 300;
const BOOTED: [usize; 3] = [150, 49, 251];
const CHANGES: u64 = 12;

fn acknowledged_settings_survive(context: &Context) -> Result<()> {
    let log = context.folder().join("writes");
    let sizes = record(context, &log)?;
    let disk = context.image().join("disk.raw");
    let run = WriteLog::open(&disk, &log)?;
    let index = |size: u64| run.between(0..size).end;
    let marks: Vec<Mark> = sizes.iter().map(|sizes| Mark { begun: index(sizes.start), acknowledged: index(sizes.end) }).collect();
    let recorded = marks[0].acknowledged..marks[marks.len() - 1].acknowledged;
    ensure!(recorded.len() > 100, "only {} operations were recorded", recorded.len());
    let judge = Judge { context, state: partition(&disk, "STATE")?, marks };
    let found = judge.all(&run, &run.cuts(recorded, DISKS, judge.state.clone()))?;
    ensure!(found.len() > CHANGES as usize / 2, "the cuts are all in the same place: {found:?}");
    println!("     disks by the change whose settings they have: {found:?}");
    Ok(fs::remove_file(log)?)
}

/// Changes settings while all writes are recorded, and cuts the power. How large the record was when each change was asked for and when it had been acknowledged.
fn record(context: &Context, log: &Path) -> Result<Vec<Range<u64>>> {
    let mut node = context.node().recording_writes(log.to_owned()).start()?;
    node.boots()?;
    let size = || fs::metadata(log).map(|metadata| metadata.len());
    let mut sizes = Vec::new();
    for number in 0..=CHANGES {
        let begun = size()?;
        change(&node, number)?;
        sizes.push(begun..size()?);
    }
    node.loses_power()?;
    Ok(sizes)
}

/// Two settings in one change; torn, they would be of two.
fn change(node: &Node, number: u64) -> Result<()> {
    node.set(json!({ "motd": format!("change {number}"), "network": { "hostname": format!("change-{number}") } }))
}

/// The change that both are of.
fn number_in(settings: &Value) -> Result<u64> {
    let of = |value: &Value, head: &str| value.as_str().and_then(|text| text.strip_prefix(head)?.parse::<u64>().ok());
    let (motd, name) = (of(&settings["motd"], "change "), of(&settings["network"]["hostname"], "change-"));
    ensure!(motd == name, "torn: {settings}");
    motd.with_context(|| format!("of no change: {settings}"))
}

/// Operations recorded before a change was asked for, and when it had been acknowledged.
struct Mark {
    begun: usize,
    acknowledged: usize,
}

/// The changes of which a cut before this operation may leave the settings.
fn allowed(marks: &[Mark], cut: usize) -> RangeInclusive<u64> {
    let before = |at: fn(&Mark) -> usize| marks.iter().rposition(|mark| at(mark) <= cut).unwrap_or(0) as u64;
    before(|mark| mark.acknowledged)..=before(|mark| mark.begun)
}

struct Judge<'a> {
    context: &'a Context,
    state: Range<u64>,
    /// By change.
    marks: Vec<Mark>,
}

impl Judge<'_> {
    /// How many disks have the settings of each change.
    fn all(&self, run: &WriteLog, cuts: &[usize]) -> Result<BTreeMap<u64, usize>> {
        let (mut found, mut seen) = (BTreeMap::new(), 0);
        run.crashes(cuts, |cut, disk| {
            let number = self.number(cut, disk).with_context(|| format!("disk {seen}, power cut before operation {cut}"))?;
            *found.entry(number).or_insert(0) += 1;
            if BOOTED.contains(&seen) {
                self.boots(number, disk)?;
            }
            seen += 1;
            Ok(())
        })?;
        Ok(found)
    }

    /// The change whose settings the disk has.
    fn number(&self, cut: usize, disk: &Crashed<'_>) -> Result<u64> {
        let image = self.context.folder().join("state.img");
        let file = File::create(&image)?;
        file.set_len(self.state.end - self.state.start)?;
        disk.write_part_onto(self.state.clone(), &file)?;
        let settings = newest(&image, &self.context.folder().join("state"))?;
        let (number, allowed) = (number_in(&settings)?, allowed(&self.marks, cut));
        ensure!(allowed.contains(&number), "it has the settings of change {number}, not of one of {allowed:?}");
        Ok(number)
    }

    /// A node on this disk has them, too.
    fn boots(&self, number: u64, disk: &Crashed<'_>) -> Result<()> {
        let path = self.context.folder().join("cut.raw");
        make(&path, self.context.image(), disk)?;
        let identity = self.context.folder().join("node0/identity");
        let mut node = self.context.node().beginning_with(path.clone(), identity).start()?;
        node.boots()?;
        let document = node.client()?.settings(None)?;
        let found = number_in(document.get("settings").unwrap_or(&document))?;
        ensure!(found == number, "the disk has the settings of change {number}, the node those of change {found}");
        node.loses_power()?;
        println!("     a node booted with those of change {number}");
        Ok(fs::remove_file(path)?)
    }
}

/// The settings of the newest generation in the file system `image`, as the kernel finds it once its journal is replayed. `folder` is for what is taken out.
fn newest(image: &Path, folder: &Path) -> Result<Value> {
    // 0: whole; 1: made so as each mount makes it.
    let repaired = quiet("e2fsck", &["-f", "-p"], image)?;
    ensure!(repaired.is_some_and(|code| code <= 1), "the file system is damaged (e2fsck: {repaired:?})");
    let _ = fs::remove_dir_all(folder);
    fs::create_dir(folder)?;
    ensure!(quiet("debugfs", &["-R", &format!("rdump /settings {}", folder.display())], image)? == Some(0), "debugfs failed");
    let mut files: Vec<_> = fs::read_dir(folder.join("settings"))?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    files.retain(|path| path.extension().is_some_and(|end| end == "json"));
    files.sort();
    // Each is written aside and renamed when it is on the disk, so that none is ever damaged, the newest neither.
    let all =
        files.iter().map(|path| sealed(&fs::read(path)?).with_context(|| format!("{}", path.display()))).collect::<Result<Vec<_>>>()?;
    Ok(all.last().context("no generation")?["chosen"].clone())
}

fn quiet(program: &str, words: &[&str], image: &Path) -> Result<Option<i32>> {
    let mut command = Command::new(program);
    command.args(words).arg(image).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(command.status().with_context(|| format!("{program} (Debian package e2fsprogs)"))?.code())
}

/// A generation's file: a line with the digest of the rest, which is JSON.
fn sealed(bytes: &[u8]) -> Result<Value> {
    let end = bytes.iter().position(|byte| *byte == b'\n').context("it has no first line")?;
    let (head, body) = (&bytes[..end], &bytes[end + 1..]);
    let digest = format!("sha256:{}", ampoule_base::hex(&Sha256::digest(body)));
    ensure!(head == digest.as_bytes(), "it is damaged");
    Ok(serde_json::from_slice(body)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acknowledged_change_must_be_there_and_none_that_was_not_asked_for() {
        let marks = [(0, 3), (3, 7), (9, 12)].map(|(begun, acknowledged)| Mark { begun, acknowledged });
        let at = |cut| allowed(&marks, cut).into_inner();
        assert_eq!([3, 6, 7, 8, 9, 11, 12, 20].map(at), [(0, 1), (0, 1), (1, 1), (1, 1), (1, 2), (1, 2), (2, 2), (2, 2)]);
    }

    #[test]
    fn settings_of_two_changes_are_torn_and_a_changed_file_is_damaged() {
        let of = |motd: u32, name: u32| json!({ "motd": format!("change {motd}"), "network": { "hostname": format!("change-{name}") } });
        assert_eq!(number_in(&of(4, 4)).expect("whole"), 4);
        assert!(number_in(&of(4, 5)).is_err() && number_in(&json!({})).is_err());
        let body = br#"{"number":1}"#;
        let file = [format!("sha256:{}\n", ampoule_base::hex(&Sha256::digest(body))).as_bytes(), body].concat();
        assert_eq!(sealed(&file).expect("whole")["number"], 1);
        assert!(sealed(&file[..file.len() - 1]).is_err());
    }
}
