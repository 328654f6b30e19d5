//! What decides about the next boot: `activate`, `deactivate`, `rollback`.

use crate::error::UpdateError;
use crate::esp::{BootPartition, Bootable};
use crate::health::running_workloads;
use crate::repository::now;
use crate::staged::Part;
use crate::updater::{Updater, lock};
use ampoule_initctl::InitClient;
use ampoule_update::loader::{self, Image, Source, Step};
use ampoule_update::record::{BadVersion, BootReport, BootState, Trial};
use ampoule_update::standing;
use ampoule_update::{State, Update};
use semver::Version;
use std::fs::File;
use std::io;

impl Updater {
    /// Makes the next boot run what is in the idle slot, on trial.
    pub(crate) fn activate(&self) -> Result<(), UpdateError> {
        let update = self.staged_update()?;
        let next = self.staged_image(&update)?;
        let boot = BootPartition::open(&self.places, true)?;
        let steps = self.activation(&boot, &next)?;
        let trial = Trial {
            version: update.version.clone(),
            root_hash: update.root_hash.to_string(),
            from: self.identity.version.clone(),
            since: now(),
            workloads: running_workloads(&self.places),
            boot: self.identity.boot.clone(),
        };
        // First the word, so that whatever boots next knows what it is to prove.
        self.remember(|record| record.trial = Some(trial))?;
        let written = self.on(&boot, &steps);
        // What is read back comes from the disk: the file system's memory goes with its mount.
        drop(boot);
        let done = written.and_then(|()| self.reads_back(&update));
        if done.is_err() {
            self.take_back(&update);
        }
        done
    }

    fn reads_back(&self, update: &Update) -> Result<(), UpdateError> {
        match self.is_whole_to_boot(update)? {
            true => Ok(()),
            false => Err(UpdateError::NotAsWritten("the kernel image")),
        }
    }

    /// Whether the kernel image on the boot partition is the one that was verified. A boot loader passes over one that is not, or it costs its tries and the first stage starts the machine anew.
    pub(crate) fn is_whole_to_boot(&self, update: &Update) -> Result<bool, UpdateError> {
        let Some(proof) = self.staged.proven(Part::Image) else { return Ok(false) };
        BootPartition::open(&self.places, false)?.holds(&update.version, &proof)
    }

    /// Takes that back.
    pub(crate) fn deactivate(&self) -> Result<(), UpdateError> {
        let update = self.staged_update()?;
        let boot = BootPartition::open(&self.places, true)?;
        let steps = loader::deactivate(&boot.names()?, &self.identity.version, &update.version)?;
        boot.check_room(&steps, None, |source| self.length_of(source))?;
        self.on(&boot, &steps)?;
        self.remember(|record| record.trial = None)
    }

    /// Goes back to the version in the other slot, which is then on trial; what runs is not taken again by itself.
    pub(crate) fn rollback(&self) -> Result<(), UpdateError> {
        let boot = BootPartition::open(&self.places, true)?;
        let none = || UpdateError::NotFound("there is no other version to go back to".to_owned());
        let other = boot.other(&self.identity.version)?.ok_or_else(none)?;
        self.check_idle(other.root_hash, other.blocks)?;
        let names = boot.names()?;
        let on_trial = standing::counter(&names, &self.identity.version).flatten().is_some();
        let steps = match on_trial {
            true => loader::condemn(&names, &self.identity.version, &other.image.version)?,
            false => loader::rollback(&names, &self.identity.image(), &other.image)?,
        };
        boot.check_room(&steps, Some(&other.image.version), |source| self.length_of(source))?;
        self.go_back(&other, "somebody went back from it")?;
        self.on(&boot, &steps)?;
        log::warn!("the node goes back to version {}", other.image.version);
        Ok(())
    }

    /// Remembers that what runs is not to be taken again, and what is to be tried instead.
    fn go_back(&self, other: &Bootable, reason: &str) -> Result<(), UpdateError> {
        let trial = Trial {
            version: other.image.version.clone(),
            root_hash: other.root_hash.to_string(),
            from: self.identity.version.clone(),
            since: now(),
            workloads: running_workloads(&self.places),
            boot: self.identity.boot.clone(),
        };
        self.remember(|record| {
            record.condemn(self.bad(reason));
            // Whoever asks for it wants to see it tried.
            record.forgive(Some(&other.image.version));
            (record.state, record.chosen, record.trial) = (State::Idle, None, Some(trial));
            record.boot = BootReport { state: BootState::FellBack, reason: format!("version {}: {reason}", self.identity.version) };
        })
    }

    /// The version that runs, as one that was not good.
    pub(crate) fn bad(&self, reason: &str) -> BadVersion {
        let (version, root_hash) = (self.identity.version.clone(), self.identity.root_hash.to_string());
        BadVersion { version, root_hash, reason: reason.to_owned(), at: now() }
    }

    /// The steps that make the next boot run `next`, if there is room for them and for those that follow when its boot was good.
    pub(crate) fn activation(&self, boot: &BootPartition, next: &Image) -> Result<Vec<Step>, UpdateError> {
        let steps = loader::activate(&boot.names()?, &self.identity.image(), next)?;
        boot.check_room(&steps, Some(&next.version), |source| self.length_of(source))?;
        Ok(steps)
    }

    /// Carries steps out.
    pub(crate) fn on(&self, boot: &BootPartition, steps: &[Step]) -> Result<(), UpdateError> {
        boot.carry_out(steps, |source| self.open(source).map_err(io::Error::other))
    }

    fn open(&self, source: Source) -> Result<File, UpdateError> {
        self.staged.open(part(source)).map(|(file, _)| file)
    }

    /// Bytes of what a step writes; what is not there is refused when it is opened.
    pub(crate) fn length_of(&self, source: Source) -> u64 {
        self.staged.open(part(source)).map_or(0, |(_, proof)| proof.length)
    }

    fn take_back(&self, update: &Update) {
        let undone = self.remove_next(&update.version).and_then(|()| self.remember(|record| record.trial = None));
        if let Err(error) = undone {
            log::error!("what was begun could not be taken back: {}", ampoule_report::chain(&error));
        }
    }

    /// What runs is what boots next; nothing of the other version stays on the boot partition.
    pub(crate) fn remove_next(&self, other: &Version) -> Result<(), UpdateError> {
        let boot = BootPartition::open(&self.places, true)?;
        let steps = loader::deactivate(&boot.names()?, &self.identity.version, other)?;
        let removed = self.on(&boot, &steps);
        *lock(&self.other) = None;
        removed
    }

    fn staged_update(&self) -> Result<Update, UpdateError> {
        self.record().chosen.ok_or_else(|| UpdateError::NoUpdate("no update is known; refresh first".to_owned()))
    }

    /// Has init restart the node.
    pub(crate) fn reboot(&self) -> Result<(), UpdateError> {
        let init = InitClient::connect_at(&self.places.below(ampoule_initctl::SOCKET));
        init.and_then(|init| init.reboot()).map_err(UpdateError::Reboot)
    }
}

fn part(source: Source) -> Part {
    match source {
        Source::Image => Part::Image,
        Source::Loader => Part::Loader,
    }
}
