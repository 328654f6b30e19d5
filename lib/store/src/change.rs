//! What can be done to the generations, each with the one write that makes it so.

use crate::generation::{Draft, Form, Generation, Now, Origin, Summary};
use crate::seal::seal;
use crate::{ConfirmError, MAX_BYTES, RollBackError, STANDING, Store, StoreError, at, name_of};
use ampoule_confirm::{BootId, NotOpen, Reason, Standing};
use serde_json::json;
use std::collections::BTreeMap;

/// Who makes the generation that takes another back.
const NODE: &str = "node";

impl Store {
    /// Writes a new generation, in force from now on. When this returns, it survives a power cut. It ends the trial of the one before, whose content it may hold: what is
    /// gone back to stays the last confirmed. Its own trial is the one asked for, or what is left of the one before (see [`Standing::trial_of_change`]).
    ///
    /// # Errors
    /// It could not be written, a full disk for one; then everything is as it was.
    pub fn commit(&mut self, draft: Draft, now: &Now) -> Result<&Generation, StoreError> {
        // A trial that was ended and could not be written down has nothing to hand on.
        let before = if self.owes_roll_back() { Standing::settled(self.standing.confirmed) } else { self.standing.clone() };
        let boots = draft.trial.map(|asked| before.boots_of_change(asked, &now.boot));
        let trial = draft.trial.map(|asked| before.trial_of_change(asked, now.boot_ms));
        let generation = self.numbered(Draft { trial, ..draft }, now);
        self.add(generation, boots.unwrap_or_default())
    }

    /// The generation on trial has taken effect: its window begins.
    ///
    /// # Errors
    /// It could not be written down. The window has begun all the same; a restart of the caller in this boot would count it from that restart.
    pub fn in_effect(&mut self, now: &Now) -> Result<(), StoreError> {
        if self.standing.open.is_none() || self.owes_roll_back() {
            return Ok(());
        }
        let next = self.standing.in_effect(now.boot_ms);
        let written = self.write_standing_or_make_room(&next);
        self.standing = next;
        written
    }

    /// Generation `number` is good. When this returns, that survives a power cut.
    ///
    /// # Errors
    /// It is not the one on trial, or this could not be written down; then [`Store::standing`] says what a restart would find.
    pub fn confirm(&mut self, number: u64) -> Result<(), ConfirmError> {
        if self.owes_roll_back() {
            return Err(NotOpen { asked: number, open: None, confirmed: self.standing.confirmed }.into());
        }
        let next = self.standing.confirm(number)?;
        if let Err(error) = self.write_standing_or_make_room(&next) {
            self.adopt_disk();
            return Err(ConfirmError::Store(error));
        }
        self.standing = next;
        Ok(())
    }

    /// The content of the last confirmed generation returns, as a new generation. From here on it is in force even if that could not be stored.
    ///
    /// # Errors
    /// Nothing is on trial; or it could not be stored, after all history that nothing depends on was dropped to make room.
    pub fn roll_back(&mut self, reason: Reason, now: &Now) -> Result<&Generation, RollBackError> {
        let confirmed = self.standing.confirmed;
        let of = self.standing.open.as_ref().map(|open| open.generation).ok_or(RollBackError::NothingOpen { confirmed })?;
        let target = self.newest_below(of, confirmed).unwrap_or_else(nothing_chosen);
        let draft = taking_back(of, &target, reason);
        let generation = self.numbered(draft, now);
        self.instead = Some(target);
        match self.add_or_make_room(generation) {
            Ok(()) => Ok(self.newest.get_or_insert_with(nothing_chosen)),
            Err(error) => Err(RollBackError::Store(error)),
        }
    }

    fn numbered(&self, draft: Draft, now: &Now) -> Generation {
        let Draft { author, message, origin, trial, chosen, generated, form } = draft;
        let parent = self.newest.as_ref().map_or(0, |g| g.number);
        let (number, base, time_ms, digest) = (self.highest + 1, self.standing.confirmed, now.unix_ms, String::new());
        Generation { number, parent, base, author, time_ms, message, origin, trial, chosen, generated, form, digest }
    }

    /// A generation without a trial.
    fn add_or_make_room(&mut self, generation: Generation) -> Result<(), StoreError> {
        match self.add(generation.clone(), Vec::new()) {
            Err(error) if error.is_full() => {
                self.make_room();
                self.add(generation, Vec::new()).map(drop)
            }
            done => done.map(drop),
        }
    }

    /// `boots`: those that count for its trial.
    fn add(&mut self, mut generation: Generation, boots: Vec<BootId>) -> Result<&Generation, StoreError> {
        let (bytes, digest) = seal(&generation);
        if bytes.len() as u64 > MAX_BYTES {
            return Err(StoreError::TooLarge { bytes: bytes.len(), most: MAX_BYTES });
        }
        generation.digest = digest;
        if let Some(trial) = generation.trial {
            let announced = self.standing.announced(generation.number, trial, boots);
            self.write_standing(&announced)?;
            self.standing = announced;
        }
        self.write_generation(generation.number, &bytes)?;
        self.adopt(generation);
        Ok(self.newest.get_or_insert_with(nothing_chosen))
    }

    fn adopt(&mut self, generation: Generation) {
        let number = generation.number;
        self.standing = if generation.trial.is_some() { self.standing.written(number) } else { Standing::settled(number) };
        (self.highest, self.instead) = (generation.number, None);
        self.summaries.insert(generation.number, Some(Summary::from(&generation)));
        if generation.trial.is_none() {
            // This only says what follows from the generations; it is worth having should the newest be damaged one day.
            let _ = self.write_standing(&self.standing.clone());
        }
        self.newest = Some(generation);
        self.prune();
    }

    /// If the folder cannot be synced, whether the name survives is open: it is taken away again, so that what failed stays without effect.
    fn write_generation(&mut self, number: u64, bytes: &[u8]) -> Result<(), StoreError> {
        let name = name_of(number);
        self.put(&name, bytes)?;
        self.sync_folder().inspect_err(|_| drop(self.disk.remove(&name)))
    }

    pub(crate) fn write_standing(&mut self, standing: &Standing) -> Result<(), StoreError> {
        self.put(STANDING, &seal(standing).0)?;
        self.sync_folder()
    }

    pub(crate) fn write_standing_or_make_room(&mut self, standing: &Standing) -> Result<(), StoreError> {
        match self.write_standing(standing) {
            Err(error) if error.is_full() => {
                self.make_room();
                self.write_standing(standing)
            }
            done => done,
        }
    }

    fn put(&mut self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let draft = format!("{name}.tmp");
        let path = self.path(&draft);
        let mut written = self.disk.write(&draft, bytes).map_err(at("write", &path));
        written = written.and_then(|()| self.disk.sync(&draft).map_err(at("sync", &path)));
        written = written.and_then(|()| self.disk.rename(&draft, name).map_err(at("rename", &path)));
        written.inspect_err(|_| drop(self.disk.remove(&draft)))
    }

    fn sync_folder(&mut self) -> Result<(), StoreError> {
        self.disk.sync_folder().map_err(at("sync", &self.folder))
    }

    /// After a confirmation that may or may not be on disk: what is there now is what a restart would find.
    fn adopt_disk(&mut self) {
        if let Ok(Some(standing)) = self.read_standing() {
            let newest = self.newest.as_ref().map_or(0, |g| g.number);
            self.standing = if standing.confirmed == newest { standing } else { self.standing.clone() };
        }
    }
}

fn taking_back(of: u64, target: &Generation, reason: Reason) -> Draft {
    let message = format!("Generation {of} was taken back: {reason}");
    let origin = Origin::Rollback { of, to: target.number, reason };
    let (chosen, generated, form) = (target.chosen.clone(), target.generated.clone(), target.form.clone());
    Draft { author: NODE.to_owned(), message, origin, trial: None, chosen, generated, form }
}

/// What there is before the first generation.
fn nothing_chosen() -> Generation {
    Generation {
        number: 0,
        parent: 0,
        base: 0,
        author: String::new(),
        time_ms: 0,
        message: String::new(),
        origin: Origin::default(),
        trial: None,
        chosen: json!({}),
        generated: BTreeMap::new(),
        form: Form::default(),
        digest: String::new(),
    }
}
