//! What settings say of modules, and the copy of it from the boot before.
//!
//! The service starts with the first devices, before the API server has written its files. Until then what it knew when it
//! last ran holds, so that a module that is not allowed stays out from the start of a boot.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use ampoule_kernel::{ModulesDocument, parse_document};
use ampoule_modalias::{Rule, Rules};

/// The API server's file and our copy.
pub(crate) struct Settings {
    file: PathBuf,
    copy: PathBuf,
}

impl Settings {
    /// Of this node.
    pub(crate) fn of_this_node() -> Self {
        Self { file: "/etc/ampoule/modules.json".into(), copy: "/state/modload/modules.json".into() }
    }

    /// Lets everybody read the copy, in which no secret is, and list nothing. What the kernel starts of this program is root's, whom the policy
    /// lets pass no mode: without this, a module that settings keep out comes in when the kernel asks for it before they are known.
    pub(crate) fn show_copy(&self) {
        let Some(folder) = self.copy.parent().filter(|folder| folder.exists()) else { return };
        if let Err(error) = fs::set_permissions(folder, Permissions::from_mode(0o711)) {
            log::warn!("{}: {error}; what the kernel asks for at the start of a boot is loaded whatever settings say", folder.display());
        }
    }

    /// What holds while nobody has said that settings are known: the file's, else the copy's.
    pub(crate) fn at_start(&self) -> Rules {
        let bytes = read(&self.file).or_else(|| read(&self.copy)).unwrap_or_default();
        rules(&self.file, &bytes)
    }

    /// What holds now; no file means nothing is set. Keeps the copy.
    pub(crate) fn now(&self) -> Rules {
        let bytes = read(&self.file);
        if let Err(error) = self.keep(bytes.as_deref()) {
            log::warn!("{}: {error}; at the next boot, settings hold only once they are read", self.copy.display());
        }
        rules(&self.file, &bytes.unwrap_or_default())
    }

    fn keep(&self, bytes: Option<&[u8]>) -> io::Result<()> {
        if read(&self.copy).as_deref() == bytes {
            return Ok(());
        }
        let Some(bytes) = bytes else { return fs::remove_file(&self.copy) };
        fs::create_dir_all(self.copy.parent().unwrap_or(&self.copy))?;
        ampoule_files::replace_durably(&self.copy, bytes, 0o644)
    }
}

fn read(path: &Path) -> Option<Vec<u8>> {
    match fs::read(path) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            log::error!("{}: {error}", path.display());
            None
        }
    }
}

/// A file that cannot be understood allows everything: a node without its devices could not be mended.
fn rules(path: &Path, bytes: &[u8]) -> Rules {
    if bytes.is_empty() {
        return Rules::default();
    }
    let document: ModulesDocument = parse_document(bytes).unwrap_or_else(|error| {
        log::error!("{}: {}; no module is kept out or loaded by settings", path.display(), ampoule_report::chain(&error));
        ModulesDocument::default()
    });
    let one = |said: &ampoule_kernel::ModuleDocument| Rule { allowed: said.allowed, autoload: said.autoload == Some(true) };
    Rules::new(document.iter().map(|(name, said)| (name.as_str(), one(said))))
}

#[cfg(test)]
mod tests {
    use ampoule_modalias::ModuleName;

    use super::*;

    fn settings() -> (tempfile::TempDir, Settings) {
        let folder = tempfile::tempdir().expect("folder");
        let settings = Settings { file: folder.path().join("modules.json"), copy: folder.path().join("state/modload/modules.json") };
        (folder, settings)
    }

    fn denies(rules: &Rules) -> bool {
        rules.denies(&ModuleName::new("x_y"))
    }

    #[test]
    fn the_copy_holds_until_settings_are_known_and_follows_them() {
        let (_folder, settings) = settings();
        assert_eq!(settings.at_start(), Rules::default());
        fs::write(&settings.file, r#"{"x-y":{"allowed":false}}"#).expect("written");
        assert!(denies(&settings.at_start()) && denies(&settings.now()));
        fs::remove_file(&settings.file).expect("removed");
        assert!(denies(&settings.at_start()), "as before this boot");
        assert!(!denies(&settings.now()), "settings are known, and say nothing");
        assert!(!denies(&settings.at_start()) && !settings.copy.exists());
    }

    #[test]
    fn everybody_may_read_the_copy() {
        let (_folder, settings) = settings();
        settings.show_copy();
        let folder = settings.copy.parent().expect("a folder");
        assert!(!folder.exists(), "a node without STATE has none");
        fs::create_dir_all(folder).expect("made");
        fs::set_permissions(folder, Permissions::from_mode(0o700)).expect("as init makes it");
        settings.show_copy();
        fs::write(&settings.file, r#"{"x-y":{"allowed":false}}"#).expect("written");
        settings.now();
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(folder), mode(&settings.copy)), (0o711, 0o644));
    }

    #[test]
    fn a_wrong_file_keeps_nothing_out() {
        let (_folder, settings) = settings();
        fs::write(&settings.file, "{").expect("written");
        assert_eq!(settings.now(), Rules::default());
    }
}
