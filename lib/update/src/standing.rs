//! How a boot stands, from what is on the boot partition and what is remembered; and what is remembered, brought in line with it.
//!
//! The updater may have been killed, or power cut, between any two writes. What it remembers is then behind or ahead of the disk by one step; the disk is right.

use ampoule_layout::RootHash;
use semver::Version;

use crate::{
    loader::{Counter, Esp, parse_image_name},
    record::{BadVersion, BootReport, BootState, Record, Trial},
    states::State,
    timestamp::Timestamp,
};

/// How a boot stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// What runs was not started from the boot partition of its disk: no update can be made to boot.
    Foreign,
    /// It was good before.
    Good,
    /// It is on trial.
    Trial,
    /// It was found bad, and the node was on its way back.
    Condemn,
}

/// What is seen when the updater starts.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Names on the boot partition.
    pub esp: &'a Esp,
    /// The version that runs.
    pub running: &'a Version,
    /// The root hash of its image.
    pub root_hash: RootHash,
    /// The kernel's name of this boot; empty: not known.
    pub boot: &'a str,
    /// Whether the idle slot is named for the chosen update, and its kernel image is kept.
    pub staged: bool,
    /// Whether the kernel image of the chosen update is whole on the boot partition.
    pub whole: bool,
    /// The time.
    pub now: Timestamp,
}

/// The counter of a version's image, if the image is there. Of two names, which an interrupted renaming leaves, the one without a counter counts.
pub fn counter(esp: &Esp, version: &Version) -> Option<Option<Counter>> {
    let of_it = |name: &String| parse_image_name(name).filter(|(other, _)| other == version).map(|(_, counter)| counter);
    let all: Vec<_> = esp.images.iter().filter_map(of_it).collect();
    all.iter().copied().find(Option::is_none).or_else(|| all.first().copied())
}

/// Whether going back to `other` may help: the loader starts it, and it was not found bad itself. Two bad versions do not send a node to and fro for ever.
pub fn can_go_back(esp: &Esp, record: &Record, other: &Version, root_hash: RootHash) -> bool {
    counter(esp, other).is_some_and(|counter| !counter.is_some_and(Counter::is_spent)) && record.reason_against(other, root_hash).is_none()
}

/// How the boot stands at the start of the updater.
pub fn at_start(record: &mut Record, facts: &Facts) -> Standing {
    let Some(counter) = counter(facts.esp, facts.running) else { return Standing::Foreign };
    fell_back(record, facts);
    was_not_started(record, facts);
    in_line(record, facts);
    match counter {
        None => {
            if record.boot.state == BootState::Trial {
                record.boot = BootReport::default();
            }
            Standing::Good
        }
        // One that was found bad and has no tries left is what the loader took for want of a better one.
        Some(counter) if counter.left > 0 && record.reason_against(facts.running, facts.root_hash).is_some() => Standing::Condemn,
        Some(_) => Standing::Trial,
    }
}

/// Another version was tried, and has used up its tries.
fn fell_back(record: &mut Record, facts: &Facts) {
    let Some(trial) = record.trial.clone().filter(|trial| trial.version != *facts.running) else { return };
    let Some(Some(Counter { done, .. })) = counter(facts.esp, &trial.version).filter(|counter| counter.is_some_and(Counter::is_spent))
    else {
        return;
    };
    give_up(record, trial, format!("it did not come up in {done} tries"), facts.now);
}

/// Another version was to boot, this is another boot, and none of its tries is used: the boot loader passed over it. It would do so for ever, so it is not waited for.
fn was_not_started(record: &mut Record, facts: &Facts) {
    let Some(trial) = record.trial.clone().filter(|trial| trial.version != *facts.running) else { return };
    let untouched = matches!(counter(facts.esp, &trial.version), Some(Some(Counter { left: 1.., done: 0 })));
    let booted = !trial.boot.is_empty() && !facts.boot.is_empty() && trial.boot != facts.boot;
    if !untouched || !booted {
        return;
    }
    if facts.whole {
        give_up(record, trial, "the boot loader did not start its kernel image".to_owned(), facts.now);
    } else {
        // No fault of the version: it was cut off while it was written, or the disk lost it. It can be activated again.
        let reason = format!("version {}: its kernel image is not whole on the boot partition and was not started", trial.version);
        record.boot = BootReport { state: BootState::FellBack, reason };
    }
}

fn give_up(record: &mut Record, trial: Trial, reason: String, now: Timestamp) {
    record.boot = BootReport { state: BootState::FellBack, reason: format!("version {}: {reason}", trial.version) };
    record.condemn(BadVersion { version: trial.version, root_hash: trial.root_hash, reason, at: now });
    (record.state, record.chosen, record.trial) = (State::Idle, None, None);
}

fn in_line(record: &mut Record, facts: &Facts) {
    let tried = record.trial.as_ref().is_some_and(|trial| trial.version == *facts.running);
    if tried && counter(facts.esp, facts.running) == Some(None) {
        record.trial = None;
    }
    let runs = |record: &Record| record.chosen.as_ref().is_some_and(|update| update.root_hash == facts.root_hash);
    if record.chosen.is_none() || runs(record) {
        (record.state, record.chosen) = (State::Idle, None);
    }
    let Some(chosen) = record.chosen.clone() else {
        record.trial = record.trial.take().filter(|trial| counter(facts.esp, &trial.version).is_some());
        return;
    };
    let next = facts.whole && matches!(counter(facts.esp, &chosen.version), Some(Some(Counter { left: 1.., .. })));
    (record.state, record.trial) = match (facts.staged, next, record.state) {
        (true, true, State::Staged | State::Ready) => {
            let root_hash = chosen.root_hash.to_string();
            let (from, boot) = (facts.running.clone(), facts.boot.to_owned());
            let fresh = || Trial { version: chosen.version, root_hash, from, since: facts.now, workloads: Vec::new(), boot };
            (State::Ready, Some(record.trial.take().unwrap_or_else(fresh)))
        }
        (true, false, State::Staged | State::Ready) => (State::Staged, None),
        _ => (State::Available, None),
    };
}

#[cfg(test)]
#[path = "standing_tests.rs"]
mod tests;
