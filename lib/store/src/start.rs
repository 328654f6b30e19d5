//! What opening the store decides, before anything is put in force.

use crate::generation::Now;
use crate::{RollBackError, STANDING, Store, StoreError};
use ampoule_confirm::{Decision, Newest, Reason, Standing, at_boot};

/// What was found when the store was opened.
#[derive(Debug, Default)]
pub struct Start {
    /// The generation that was taken back, and why.
    pub rolled_back: Option<(u64, Reason)>,
    /// What could not be written. The decision holds all the same: see [`Store::in_force`].
    pub not_stored: Option<StoreError>,
    /// The window of the trial had begun in this boot and goes on.
    pub window_goes_on: bool,
    /// `standing` was damaged: the newest generation counts as confirmed, unless it carries a trial, which then begins anew.
    pub standing_lost: bool,
}

impl Store {
    pub(crate) fn begin(&mut self, now: &Now) {
        let on_disk = self.read_standing();
        self.start.standing_lost = on_disk.is_err();
        if on_disk.is_err() {
            self.damaged.push(self.path(STANDING));
        }
        let on_disk = on_disk.unwrap_or(None);
        let newest = self.newest.as_ref().map(|g| Newest { number: g.number, trial: g.trial, base: g.base });
        match at_boot(newest, on_disk.as_ref(), &now.boot, now.boot_ms) {
            Decision::Settled(standing) => self.settle(standing, on_disk.as_ref()),
            Decision::Try(standing) => self.go_on_trial(standing, on_disk.as_ref(), now),
            Decision::RollBack { standing, reason } => {
                self.standing = standing;
                self.take_back(reason, now);
            }
        }
    }

    /// Nothing is lost if this is not written: it follows from the generations.
    fn settle(&mut self, standing: Standing, on_disk: Option<&Standing>) {
        if self.newest.is_some() && on_disk != Some(&standing) {
            self.start.not_stored = self.write_standing(&standing).err();
        }
        self.standing = standing;
    }

    /// A boot that is not written down could be followed by any number of others, so then the trial ends.
    fn go_on_trial(&mut self, standing: Standing, on_disk: Option<&Standing>, now: &Now) {
        self.start.window_goes_on = on_disk == Some(&standing);
        let written = if self.start.window_goes_on { Ok(()) } else { self.write_standing_or_make_room(&standing) };
        self.standing = standing;
        if let Err(error) = written {
            self.take_back(Reason::NotRecorded, now);
            self.start.not_stored.get_or_insert(error);
        }
    }

    fn take_back(&mut self, reason: Reason, now: &Now) {
        let of = self.standing.open.as_ref().map_or(0, |open| open.generation);
        if let Err(RollBackError::Store(error)) = self.roll_back(reason.clone(), now) {
            self.start.not_stored = Some(error);
        }
        self.start.rolled_back = Some((of, reason));
    }
}
