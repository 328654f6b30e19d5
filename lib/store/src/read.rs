//! Reading: what is there, and what of it is whole.

use crate::seal::unseal;
use crate::{Generation, MAX_BYTES, STANDING, Store, StoreError, Summary, at, name_of, number_of};
use ampoule_confirm::Standing;
use std::io;

impl Store {
    /// The generation of this number; `None` if it is absent or damaged.
    ///
    /// # Errors
    /// Its file cannot be read.
    pub fn get(&self, number: u64) -> Result<Option<Generation>, StoreError> {
        let name = name_of(number);
        let bytes = match self.disk.read(&name, MAX_BYTES) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(at("read", &self.path(&name))(error)),
        };
        let whole = unseal(&bytes).map(|(generation, digest)| Generation { digest, ..generation });
        Ok(whole.filter(|g| g.number == number))
    }

    /// Numbers of all generations on disk, damaged ones too, lowest first.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn numbers(&self) -> Result<Vec<u64>, StoreError> {
        Ok(self.files()?.into_iter().map(|(number, _)| number).collect())
    }

    /// All whole generations without their content, lowest first. Each file is read once in the life of a store.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn list(&mut self) -> Result<Vec<Summary>, StoreError> {
        let numbers = self.numbers()?;
        self.summaries.retain(|number, _| numbers.contains(number));
        for number in &numbers {
            if !self.summaries.contains_key(number) {
                self.summaries.insert(*number, self.summary(*number));
            }
        }
        Ok(self.summaries.values().flatten().cloned().collect())
    }

    /// Number of the newest whole generation whose form is `form` or an earlier one.
    pub(crate) fn newest_up_to(&mut self, form: u32) -> Option<u64> {
        let all = self.list().unwrap_or_default();
        all.into_iter().rev().find(|g| g.form <= form).map(|g| g.number)
    }

    /// The newest whole generation whose form is `form` or an earlier one: what an image goes by that does not know later ones.
    ///
    /// # Errors
    /// The folder or the file cannot be read.
    pub fn newest_of_form(&mut self, form: u32) -> Result<Option<Generation>, StoreError> {
        self.newest_up_to(form).map_or(Ok(None), |number| self.get(number))
    }

    fn summary(&self, number: u64) -> Option<Summary> {
        let bytes = self.disk.read(&name_of(number), MAX_BYTES).ok()?;
        let (summary, digest) = unseal::<Summary>(&bytes)?;
        (summary.number == number).then_some(Summary { digest, ..summary })
    }

    /// Numbers and sizes, lowest first.
    pub(crate) fn files(&self) -> Result<Vec<(u64, u64)>, StoreError> {
        let listed = self.disk.list().map_err(at("list", &self.folder))?;
        let mut files: Vec<_> = listed.iter().filter_map(|(name, size)| Some((number_of(name)?, *size))).collect();
        files.sort_unstable();
        Ok(files)
    }

    /// Finds the newest whole generation anew. A file that cannot be read counts as damaged: one bad block must not cost the others.
    pub(crate) fn find_newest(&mut self) -> Result<(), StoreError> {
        let numbers = self.numbers()?;
        self.highest = numbers.last().copied().unwrap_or(0);
        (self.newest, self.damaged) = (None, Vec::new());
        for number in numbers.into_iter().rev() {
            self.newest = self.get(number).unwrap_or(None);
            if self.newest.is_some() {
                break;
            }
            self.damaged.push(self.path(&name_of(number)));
        }
        Ok(())
    }

    /// The newest whole generation below `number`, at or below `most`.
    pub(crate) fn newest_below(&self, number: u64, most: u64) -> Option<Generation> {
        let numbers = self.numbers().unwrap_or_default();
        let candidates = numbers.into_iter().rev().filter(|n| *n < number && *n <= most);
        candidates.filter_map(|n| self.get(n).ok().flatten()).next()
    }

    /// What is on disk: `Ok(None)` for no standing, `Err` for a damaged one.
    pub(crate) fn read_standing(&self) -> Result<Option<Standing>, ()> {
        match self.disk.read(STANDING, MAX_BYTES) {
            Ok(bytes) => unseal(&bytes).map(|(standing, _)| Some(standing)).ok_or(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(_) => Err(()),
        }
    }

    /// Drafts that a power cut left behind.
    pub(crate) fn remove_leftovers(&mut self) -> Result<(), StoreError> {
        let listed = self.disk.list().map_err(at("list", &self.folder))?;
        let drafts = listed.into_iter().filter(|(name, _)| name.ends_with(".tmp"));
        drafts.for_each(|(name, _)| drop(self.disk.remove(&name)));
        Ok(())
    }
}
