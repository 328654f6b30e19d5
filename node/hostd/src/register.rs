//! Who has which isolation number: kept on DATA, so that a workload's volumes are still its own after a reboot.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use ampoule_workload::{
    Isolation, Isolations,
    isolation::{MAX_ISOLATIONS, MAX_ISOLATIONS_BYTES},
};

use crate::{error::HostError, files};

/// The numbers of all workloads.
pub(crate) struct Register {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    numbers: Isolations,
    /// Names whose number may not go to another.
    in_use: BTreeSet<String>,
}

impl Register {
    /// Reads what is kept at `path`, and takes over what containers of an earlier life have. A file that is damaged is as good as none:
    /// volumes get the label of their owner's new number when it starts.
    pub(crate) fn open(path: &Path, running: &BTreeMap<String, Isolation>) -> Result<Self, HostError> {
        let text = files::read_bounded(path, MAX_ISOLATIONS_BYTES).unwrap_or_else(|error| {
            log::warn!("{error}; numbers are given anew");
            None
        });
        let mut numbers: Isolations = text.map_or_else(Isolations::default, |text| parse(path, &text));
        numbers.learn(running);
        let state = State { numbers, in_use: running.keys().cloned().collect() };
        Ok(Self { path: path.to_owned(), state: Mutex::new(state) })
    }

    /// The number of `name`; a new one is kept before it is used.
    pub(crate) fn assign(&self, name: &str) -> Result<Isolation, HostError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { numbers, in_use } = &mut *state;
        let had = numbers.get(name);
        let number = numbers.assign(name, in_use).ok_or(HostError::NoIsolation(MAX_ISOLATIONS))?;
        if had.is_none() {
            self.save(numbers)?;
        }
        in_use.insert(name.to_owned());
        Ok(number)
    }

    /// The number of `name`, if it has one.
    pub(crate) fn get(&self, name: &str) -> Option<Isolation> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).numbers.get(name)
    }

    /// `name` is removed: its number stays its own, as its volumes do, until nothing else is left to give.
    pub(crate) fn release(&self, name: &str) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).in_use.remove(name);
    }

    fn save(&self, numbers: &Isolations) -> Result<(), HostError> {
        if let Some(folder) = self.path.parent() {
            files::make_folder(folder)?;
        }
        files::write_whole(&self.path, &serde_json::to_vec(numbers).unwrap_or_default())
    }
}

fn parse(path: &Path, text: &[u8]) -> Isolations {
    serde_json::from_slice(text).unwrap_or_else(|error| {
        log::warn!("{}: {error}; numbers are given anew", path.display());
        Isolations::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_number_is_there_after_a_restart_and_after_damage() {
        let dir = tempfile::tempdir().expect("folder");
        let path = dir.path().join("ampoule/isolations.json");
        let none = BTreeMap::new();
        let first = Register::open(&path, &none).expect("opens");
        let (a, b) = (first.assign("a").expect("room"), first.assign("b").expect("room"));
        assert_ne!(a, b);
        let again = Register::open(&path, &none).expect("opens");
        assert_eq!((again.assign("b").expect("room"), again.assign("a").expect("room")), (b, a));
        std::fs::write(&path, "{\"a\":").expect("damaged");
        let damaged = Register::open(&path, &BTreeMap::from([("b".to_owned(), b)])).expect("opens");
        assert_eq!(damaged.assign("b").expect("room"), b, "it runs with it");
        assert_ne!(damaged.assign("c").expect("room"), b);
    }
}
