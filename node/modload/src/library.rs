//! The modules of the running kernel.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use ampoule_modalias::{Denied, Index, IndexError, ModuleName, Rules};
use rustix::{io::Errno, system};

/// What went wrong, and with which file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ModloadError {
    #[error("no module is called or has the alias {0:?}")]
    Unknown(String),
    #[error("could not read {path}; the image and its kernel do not belong together", path = path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("the module index of this image is unusable")]
    Index(#[from] IndexError),
    #[error("could not load {path} (EKEYREJECTED: not signed for this kernel)", path = path.display())]
    Signature { path: PathBuf, source: io::Error },
    #[error("could not load {path}", path = path.display())]
    Load { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Denied(#[from] Denied),
    #[error("no news of devices from the kernel")]
    Listen(#[source] io::Error),
    #[error("refused to run as {0:?}: the kernel starts no program on anybody's behalf")]
    NotForUs(String),
    #[error("the kernel wants the machine to end")]
    Init(#[source] ampoule_initctl::InitError),
}

/// The index and the files of one kernel version.
pub(crate) struct Library {
    folder: PathBuf,
    index: Index,
    /// Tried already; a module that failed is not tried for every device again.
    tried: BTreeSet<String>,
    rules: Rules,
}

impl Library {
    /// Of the kernel that runs. Without a folder of its version there are no modules, which is not an error.
    pub(crate) fn of_this_kernel(rules: Rules) -> Result<Self, ModloadError> {
        let version = system::uname().release().to_string_lossy().into_owned();
        Self::open(&Path::new("/usr/lib/modules").join(version), rules)
    }

    fn open(folder: &Path, rules: Rules) -> Result<Self, ModloadError> {
        let read = |name: &str| {
            let path = folder.join(name);
            fs::read_to_string(&path).map_err(|source| ModloadError::Read { path, source })
        };
        let index = if folder.is_dir() { Index::parse(&read("modules.dep")?, &read("modules.alias")?)? } else { Index::default() };
        Ok(Self { folder: folder.to_owned(), index, tried: BTreeSet::new(), rules })
    }

    /// What may load from now on.
    pub(crate) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Other rules from now on; whether they differ. What is in the kernel stays there.
    pub(crate) fn follow(&mut self, rules: Rules) -> bool {
        let differ = self.rules != rules;
        self.rules = rules;
        differ
    }

    /// Whether this image has a module, or an alias, of this name.
    pub(crate) fn knows(&self, module: &ModuleName) -> bool {
        !self.index.named(module.as_str()).is_empty()
    }

    /// Loads what `wanted` (a name or alias) means, dependencies first, and says so. Gives how many files that were not tried before are in the kernel now.
    ///
    /// # Errors
    /// The first module that could not be loaded; what depends on it is not tried.
    pub(crate) fn load(&mut self, wanted: &str) -> Result<usize, ModloadError> {
        let mut loaded = 0;
        let mut failed = Ok(());
        // One alias may mean several drivers: one that fails does not stop the next.
        for module in self.index.named(wanted) {
            match self.load_module(&module) {
                Ok(0) => {}
                Ok(count) => {
                    log::info!("{module} is loaded for {wanted}");
                    loaded += count;
                }
                Err(error) => failed = Err(error),
            }
        }
        failed.map(|()| loaded)
    }

    fn load_module(&mut self, module: &ModuleName) -> Result<usize, ModloadError> {
        let files: Vec<String> = self.index.permitted(module, &self.rules)?.into_iter().map(str::to_owned).collect();
        let mut loaded = 0;
        for file in files {
            if self.tried.insert(file.clone()) {
                insert(&self.folder.join(file))?;
                loaded += 1;
            }
        }
        Ok(loaded)
    }
}

fn insert(path: &Path) -> Result<(), ModloadError> {
    let file = File::open(path).map_err(|source| ModloadError::Read { path: path.to_owned(), source })?;
    match system::finit_module(&file, c"", 0) {
        // Somebody was quicker, or the hardware it looks for is not there after all.
        Ok(()) | Err(Errno::EXIST | Errno::NODEV) => Ok(()),
        Err(Errno::KEYREJECTED) => Err(ModloadError::Signature { path: path.to_owned(), source: Errno::KEYREJECTED.into() }),
        Err(error) => Err(ModloadError::Load { path: path.to_owned(), source: error.into() }),
    }
}

#[cfg(test)]
mod tests {
    use ampoule_modalias::Rule;

    use super::*;

    #[test]
    fn a_kernel_without_modules_is_fine() {
        let mut library = Library::open(Path::new("/nowhere/modules"), Rules::default()).expect("none");
        assert_eq!(library.load("pci:v1").expect("none"), 0);
    }

    #[test]
    fn a_missing_index_and_a_missing_file_are_named() {
        let folder = tempfile::tempdir().expect("folder");
        let Err(error) = Library::open(folder.path(), Rules::default()) else { panic!("no index") };
        assert!(error.to_string().contains("modules.dep"), "{error}");
        fs::write(folder.path().join("modules.dep"), "a.ko:\n").expect("dep");
        fs::write(folder.path().join("modules.alias"), "alias x* a\n").expect("alias");
        let mut library = Library::open(folder.path(), Rules::default()).expect("index");
        assert!(library.load("x1").expect_err("no file").to_string().contains("a.ko"));
        assert_eq!(library.load("y").expect("unknown"), 0);
    }

    #[test]
    fn a_denied_module_is_not_opened_and_may_be_allowed_later() {
        let folder = tempfile::tempdir().expect("folder");
        fs::write(folder.path().join("modules.dep"), "a.ko: b.ko\nb.ko:\n").expect("dep");
        fs::write(folder.path().join("modules.alias"), "alias x* a\n").expect("alias");
        let deny = Rules::new([("b", Rule { allowed: Some(false), autoload: false })]);
        let mut library = Library::open(folder.path(), deny).expect("index");
        for wanted in ["a", "b", "x1"] {
            assert!(matches!(library.load(wanted), Err(ModloadError::Denied(_))), "{wanted}");
        }
        assert!(library.follow(Rules::default()) && !library.follow(Rules::default()));
        assert!(matches!(library.load("x1"), Err(ModloadError::Read { .. })), "tried now, and there is no such file");
    }
}
