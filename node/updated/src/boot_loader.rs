//! The boot loader that came with a version is taken when that version was good; a node that cannot is no worse than before.

use crate::error::UpdateError;
use crate::esp::BootPartition;
use crate::kernel_image::{KernelImage, Program};
use crate::repository::Target;
use crate::staged::Part;
use crate::updater::Updater;
use ampoule_layout::Architecture;
use ampoule_update::loader::{self, Step};
use ampoule_update::{State, pe};
use semver::Version;

impl Updater {
    /// Does what a power cut left undone after a boot was called good.
    pub(crate) fn finish(&self) {
        if self.staged.proven(Part::Image).is_none() {
            return;
        }
        // Whatever runs may be preparing the next update: then it is left to the next start.
        let Ok(_alone) = self.alone("finish") else { return };
        let record = self.record();
        if record.state == State::Idle && record.chosen.is_none() {
            self.use_up();
        }
    }

    /// Takes the loader that came with the version that runs, and lets go of all else that did. What is of another version stays: it may be needed yet, and
    /// the loader of a version that was bad is never taken.
    pub(crate) fn use_up(&self) {
        if !self.is_of_running() {
            return;
        }
        match self.replace_loader() {
            Ok(true) => log::info!("the boot loader is the one of version {}", self.identity.version),
            Ok(false) => {}
            Err(error) => log::error!("the boot loader stays the one that it is: {}", ampoule_report::chain(&error)),
        }
        self.staged.clear();
    }

    /// Whether what is staged came with the version that runs.
    fn is_of_running(&self) -> bool {
        let image = self.staged.open(Part::Image).and_then(|(file, _)| KernelImage::open("what is staged", file));
        image.is_ok_and(|image| image.root_hash() == Ok(self.identity.root_hash))
    }

    /// The proof of the loader that is kept, if firmware of this machine would start it. One that it refuses leaves a machine that starts nothing at all.
    pub(crate) fn staged_loader(&self, version: &Version) -> Result<Target, UpdateError> {
        let (file, proof) = self.staged.open(Part::Loader)?;
        let unreadable = |source| UpdateError::Image { name: "loader.efi".to_owned(), source };
        let loader = Program::open(file).map_err(unreadable)?;
        let wrong = |source| UpdateError::BootLoader { version: version.clone(), source };
        pe::check_for(loader.head(), self.identity.arch).map_err(wrong)?;
        Ok(proof)
    }

    /// Whether another loader took the place of the one that was there.
    fn replace_loader(&self) -> Result<bool, UpdateError> {
        // An updater before this one may have fetched it, which did not look at it.
        let proof = self.staged_loader(&self.identity.version)?;
        if self.loader_is(&Architecture::NATIVE.loader(), &proof)? {
            return Ok(false);
        }
        let replaced = self.write_loader(&proof);
        if replaced.is_err() {
            self.drop_draft();
        }
        replaced.map(|()| true)
    }

    /// What is read back comes from the disk: the file system's memory goes with its mount.
    fn write_loader(&self, proof: &Target) -> Result<(), UpdateError> {
        self.on_boot_partition(&loader::draft_loader(Architecture::NATIVE))?;
        match self.loader_is(&loader::loader_draft(Architecture::NATIVE), proof)? {
            true => self.on_boot_partition(&loader::use_loader(Architecture::NATIVE)),
            false => Err(UpdateError::NotAsWritten("the boot loader")),
        }
    }

    /// A draft that stays takes room, and is worth nothing.
    fn drop_draft(&self) {
        if let Err(error) = self.on_boot_partition(&loader::drop_loader(Architecture::NATIVE)) {
            log::warn!("the draft of a boot loader stays: {}", ampoule_report::chain(&error));
        }
    }

    fn loader_is(&self, path: &str, proof: &Target) -> Result<bool, UpdateError> {
        Ok(BootPartition::open(&self.places, false)?.loader_is(path, proof))
    }

    fn on_boot_partition(&self, steps: &[Step]) -> Result<(), UpdateError> {
        let boot = BootPartition::open(&self.places, true)?;
        boot.check_room(steps, None, |source| self.length_of(source))?;
        self.on(&boot, steps)
    }
}
