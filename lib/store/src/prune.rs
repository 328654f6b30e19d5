//! Dropping what is old, never what may be gone back to by itself.

use crate::{Store, name_of};

/// Generations kept: what a person can go back to. The confirmed one, the one on trial and what the image before goes back to are kept beside these if they are older.
pub const KEEP: usize = 50;

/// Bytes of generations kept, as far as possible: a quarter of STATE, so that there is always room for the next one.
pub const KEEP_BYTES: u64 = 32 * 1024 * 1024;

impl Store {
    /// Drops the oldest beyond [`KEEP`] and [`KEEP_BYTES`]. One that cannot be removed is tried again after the next commit.
    pub(crate) fn prune(&mut self) {
        self.prune_to(KEEP, KEEP_BYTES);
    }

    /// Drops all that nothing returns to by itself: the space for a return to the last confirmed settings is worth more than history.
    pub(crate) fn make_room(&mut self) {
        self.prune_to(0, 0);
    }

    pub(crate) fn prune_to(&mut self, keep: usize, keep_bytes: u64) {
        let files = self.files().unwrap_or_default();
        let protected = self.protected();
        let (mut count, mut bytes) = (files.len(), files.iter().map(|(_, size)| size).sum::<u64>());
        for (number, size) in files.into_iter().filter(|(number, _)| !protected.contains(number)) {
            if count <= keep && bytes <= keep_bytes {
                break;
            }
            if self.disk.remove(&name_of(number)).is_ok() {
                (count, bytes) = (count - 1, bytes.saturating_sub(size));
            }
        }
    }

    fn protected(&mut self) -> Vec<u64> {
        let way_back = self.way_back();
        let newest = self.newest.as_ref().map(|g| g.number);
        let base = self.newest.as_ref().filter(|g| g.trial.is_some()).map(|g| g.base);
        let instead = self.instead.as_ref().map(|g| g.number);
        let open = self.standing.open.as_ref().map(|open| open.generation);
        [newest, base, instead, open, way_back, Some(self.standing.confirmed)].into_iter().flatten().collect()
    }

    /// The generation that the image before goes by if it returns: as long as this one has left nothing for it, that is its own newest.
    fn way_back(&mut self) -> Option<u64> {
        let form = self.newest.as_ref().map(|g| &g.form).filter(|form| form.earlier.is_empty())?.number;
        self.newest_up_to(form.checked_sub(1)?)
    }
}
