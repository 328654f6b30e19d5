//! What the service loads, and what it says about it.

use std::{collections::BTreeSet, path::Path};

use ampoule_modalias::{Denied, ModuleName, Rules};

use crate::{
    coldplug,
    library::{Library, ModloadError},
};

/// The library, and what was said already.
pub(crate) struct Loader {
    library: Library,
    /// Many devices have the same driver; that it must not load is said once.
    told: BTreeSet<Denied>,
}

impl Loader {
    pub(crate) fn new(library: Library) -> Self {
        Self { library, told: BTreeSet::new() }
    }

    /// Loads what settings name and what the present devices want. What they keep out is said here, once: the kernel's own
    /// calls of the helper, which any program can provoke, say nothing.
    pub(crate) fn load_all(&mut self) {
        let denied: Vec<&str> = self.library.rules().denied().map(ModuleName::as_str).collect();
        if !denied.is_empty() {
            log::info!("settings.kernel.modules keeps out: {}", denied.join(", "));
        }
        self.load_named();
        let aliases = coldplug::aliases();
        let loaded: usize = aliases.iter().map(|alias| self.load_one(alias)).sum();
        log::info!("{} device aliases, {loaded} modules loaded", aliases.len());
    }

    /// Other settings. What they allow now may be what a device waits for.
    pub(crate) fn follow(&mut self, rules: Rules) {
        if self.library.follow(rules) {
            self.told.clear();
            self.library.rules().denied().filter(|module| is_loaded(module)).for_each(|module| {
                log::warn!("module {module} is no longer allowed, but in the kernel; it stays there until the node is rebooted");
            });
            self.load_all();
        }
    }

    fn load_named(&mut self) {
        let named: Vec<ModuleName> = self.library.rules().autoload().cloned().collect();
        for module in named {
            if self.load_one(module.as_str()) == 0 && !self.library.knows(&module) {
                log::warn!(
                    "settings.kernel.modules.{module}.autoload: this image has no such module (it may be part of the kernel itself)"
                );
            }
        }
    }

    /// A device without its module is not a reason to leave the others without theirs.
    pub(crate) fn load_one(&mut self, wanted: &str) -> usize {
        let failed = match self.library.load(wanted) {
            Ok(count) => return count,
            Err(error) => error,
        };
        let is_new = match &failed {
            ModloadError::Denied(denied) => self.told.insert(denied.clone()),
            _ => true,
        };
        if is_new {
            log::warn!("{}", ampoule_report::chain(&failed));
        }
        0
    }
}

fn is_loaded(module: &ModuleName) -> bool {
    // Only what was loaded has this file; parts of the kernel itself have a folder without it.
    Path::new("/sys/module").join(module.as_str()).join("initstate").exists()
}
