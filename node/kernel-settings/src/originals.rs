//! The values from before, in memory until the next boot.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use ampoule_kernel::Originals;

use crate::KernelSettingsError;

/// What was, and the file that keeps it.
pub(crate) struct Record {
    path: PathBuf,
    originals: Originals,
}

impl Record {
    /// Empty if there is no file, or none that can be read: then what was before is not known, and nothing is given back.
    pub(crate) fn open(path: &Path) -> Self {
        let originals = match fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                log::warn!("{}: {error}; values from before the settings are not known until the next boot", path.display());
                Originals::default()
            }),
            Err(_) => Originals::default(),
        };
        Self { path: path.to_owned(), originals }
    }

    pub(crate) fn paths(&self) -> impl Iterator<Item = &String> {
        self.originals.keys()
    }

    pub(crate) fn get(&self, path: &str) -> Option<&str> {
        self.originals.get(path).map(String::as_str)
    }

    pub(crate) fn keep(&mut self, path: &str, value: String) -> Result<(), KernelSettingsError> {
        self.originals.insert(path.to_owned(), value);
        self.save()
    }

    pub(crate) fn forget(&mut self, path: &str) -> Result<(), KernelSettingsError> {
        match self.originals.remove(path) {
            Some(_) => self.save(),
            None => Ok(()),
        }
    }

    fn save(&self) -> Result<(), KernelSettingsError> {
        let bytes = serde_json::to_vec(&self.originals).map_err(io::Error::from);
        let written = bytes.and_then(|bytes| ampoule_files::replace(&self.path, &bytes, 0o644));
        written.map_err(|source| KernelSettingsError::Record { path: self.path.clone(), source })
    }
}
