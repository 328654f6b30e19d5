//! What somebody wants changed: some keys set, some keys back to their default.

use crate::{Fragment, Model, SettingError, path};
use std::collections::BTreeSet;

/// A change of settings. Setting a key takes back an earlier wish to remove it, and the other way round.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Change {
    set: Fragment,
    unset: BTreeSet<String>,
}

impl Change {
    /// One that sets these keys.
    #[must_use]
    pub fn setting(set: Fragment) -> Self {
        Self { set, unset: BTreeSet::new() }
    }

    /// What leads from one state of user data to the next: what is new or different is set; what is gone is removed where nobody has chosen something else since.
    #[must_use]
    pub fn following(before: &Fragment, after: &Fragment, chosen: &Fragment) -> Self {
        let set = after.only(|k| before.get(k) != after.get(k));
        let gone = before.keys().filter(|k| after.get(k).is_none() && chosen.get(k) == before.get(k));
        Self { unset: gone.map(str::to_owned).collect(), set }
    }

    /// One that removes what was chosen at or below these keys: they go back to what the image or a generator says.
    ///
    /// # Errors
    /// Keys that are neither a setting nor above one, all at once.
    pub fn unsetting(model: &Model, keys: &[String]) -> Result<Self, Vec<SettingError>> {
        let (mut unset, mut errors) = (BTreeSet::new(), Vec::new());
        for key in keys {
            let key = path::canonical(key);
            let segments = path::split(&key);
            match model.find(&key) {
                Some(rule) => drop(unset.insert(rule.spelled(&segments))),
                None if model.is_table(&segments) => drop(unset.insert(key)),
                None => errors.push(model.unknown(&segments)),
            }
        }
        if errors.is_empty() { Ok(Self { set: Fragment::default(), unset }) } else { Err(errors) }
    }

    /// This one, then `other`.
    #[must_use]
    pub fn then(mut self, other: Self) -> Self {
        for gone in &other.unset {
            self.set.remove(|k| path::covers(gone, k));
        }
        // A key below one that was removed is set again; what else was there stays removed.
        self.unset.retain(|gone| !other.set.keys().any(|k| k == gone));
        self.unset.extend(other.unset);
        self.set = self.set.merge(other.set);
        self
    }

    /// What was chosen, after this change.
    #[must_use]
    pub fn apply_to(&self, chosen: &Fragment) -> Fragment {
        let mut after = chosen.clone();
        after.remove(|k| self.unset.iter().any(|gone| path::covers(gone, k)));
        after.merge(self.set.clone())
    }

    /// The keys it sets.
    #[must_use]
    pub fn set(&self) -> &Fragment {
        &self.set
    }

    /// The keys it removes, and what is below them.
    pub fn unset(&self) -> impl Iterator<Item = &str> {
        self.unset.iter().map(String::as_str)
    }

    /// Every key it names, sorted.
    #[must_use]
    pub fn keys(&self) -> BTreeSet<String> {
        self.set.keys().map(str::to_owned).chain(self.unset.iter().cloned()).collect()
    }

    /// Whether it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.unset.is_empty()
    }
}
