//! `prepare`: an update into the idle slot, verified before, while and after it is written.

use crate::disk::Slots;
use crate::error::UpdateError;
use crate::esp::BootPartition;
use crate::kernel_image::{Kernel, KernelImage};
use crate::repository::Repository;
use crate::staged::Part;
use crate::transfer::{Source, Transfer, read_start};
use crate::updater::{Updater, WAITS};
use ampoule_layout::BLOCK_SIZE;
use ampoule_update::Update;
use ampoule_update::config::Config;
use ampoule_update::delta::Index;
use ampoule_update::loader::{self, Image};
use ampoule_update::tree::{self, Tree, TreeError};
use std::io;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

impl Updater {
    /// Brings the chosen update into the idle slot.
    pub(crate) fn prepare(&self) -> Result<(), UpdateError> {
        let progress = self.progress();
        progress.begin("asking the repository");
        let config = self.config()?;
        let repository = self.repository(&config, WAITS)?;
        let update = self.chosen(&config, &repository)?;
        self.has_slot_for(&update)?;
        progress.set_total(update.size.root);
        progress.begin("fetching tree, kernel and boot loader");
        let tree = self.staged.tree(&update, &repository)?;
        self.fetch_image(&update, &repository, &config)?;
        self.staged.fetch(Part::Loader, &update, &repository)?;
        let next = self.staged_image(&update)?;
        self.staged_loader(&update.version)?;
        repository.target_of(&update.images.root, update.size.root)?;
        let source = Source { fetcher: self.fetcher(&config, Duration::MAX), url: repository.address(&update.images.root)? };
        // Its metadata is no longer needed, and blocks want the room.
        drop(repository);
        progress.begin("clearing the idle slot");
        self.clear_idle(&next)?;
        self.fill_idle(&update, &tree, &source)
    }

    /// Slots have the size that the disk was made with. What does not fit is refused before a byte is fetched or written, and before the way back is given up.
    pub(crate) fn has_slot_for(&self, update: &Update) -> Result<(), UpdateError> {
        let idle = self.places.disk(false)?.slots(self.identity.root_hash, None)?.idle;
        let parts = [("root", update.size.root, idle.root.length), ("hash tree", update.size.hash, idle.tree.length)];
        match parts.into_iter().find(|(_, length, room)| length > room) {
            Some((what, length, room)) => Err(UpdateError::Slot { version: update.version.clone(), what, length, room }),
            None => Ok(()),
        }
    }

    /// A kernel that stays is nearly all of a kernel image, and the node has it.
    fn fetch_image(&self, update: &Update, repository: &Repository, config: &Config) -> Result<(), UpdateError> {
        if let Some(kernel) = self.running_kernel(update) {
            self.staged.put_together(kernel, update, repository, &self.fetcher(config, WAITS))?;
        }
        self.staged.fetch(Part::Image, update, repository)
    }

    /// The kernel of the image that runs, if it is that of the update.
    pub(crate) fn running_kernel(&self, update: &Update) -> Option<Kernel> {
        let wanted = update.kernel.as_ref()?;
        let image = BootPartition::open(&self.places, false).and_then(|boot| boot.image_of(&self.identity.version));
        let image = image.map_err(|error| log::info!("the kernel is fetched: {}", ampoule_report::chain(&error))).ok()?;
        let kernel = image.into_kernel();
        (kernel.length() == wanted.size && kernel.sha256().is_ok_and(|hash| hash == wanted.sha256)).then_some(kernel)
    }

    /// The kernel image that is kept, if it is that of the update: the one that starts its root.
    pub(crate) fn staged_image(&self, update: &Update) -> Result<Image, UpdateError> {
        let name = update.images.boot.to_string();
        let (file, _) = self.staged.open(Part::Image)?;
        let bootable = KernelImage::open(&name, file)?.bootable(&name, update.version.clone())?;
        match (bootable.root_hash, bootable.blocks) == (update.root_hash, update.root_blocks) {
            true => Ok(bootable.image),
            false => Err(UpdateError::OtherRoot { name }),
        }
    }

    /// Before a byte of the idle slot changes, nothing starts it any more; and there is room for what `activate` will write.
    fn clear_idle(&self, next: &Image) -> Result<(), UpdateError> {
        let boot = BootPartition::open(&self.places, true)?;
        let steps = loader::stage(&boot.names()?, &self.identity.version)?;
        boot.carry_out(&steps, |_| Err(io::Error::other("nothing is written here")))?;
        self.activation(&boot, next).map(drop)
    }

    fn fill_idle(&self, update: &Update, tree: &Tree, source: &Source) -> Result<(), UpdateError> {
        let progress = self.progress();
        let disk = self.places.disk(true)?;
        let slots = disk.slots(self.identity.root_hash, Some(update.root_hash))?;
        if !slots.idle_is {
            disk.name(&slots.idle, update.root_hash)?;
        }
        disk.write(&slots.idle.tree, 0, tree.bytes())?;
        disk.sync()?;
        progress.begin("writing blocks");
        let transfer = Transfer {
            disk: &disk,
            slots,
            tree,
            progress: &progress,
            stop: &self.stop,
            note: &|done| self.staged.note(done, update.root_hash),
            done: Mutex::new(self.staged.done(update)),
            noting: Mutex::default(),
            since_note: AtomicU64::new(0),
        };
        transfer.run(self.index_of_running(), source)?;
        disk.forget(&slots.idle.tree)?;
        match read_start(&disk, &slots.idle.tree, update.size.hash)? == tree.bytes() {
            true => Ok(()),
            false => Err(UpdateError::OtherSlot("its tree does not read back as it was written: the disk is failing".to_owned())),
        }
    }

    /// Which blocks the running root has. A damaged tree only costs bytes.
    pub(crate) fn index_of_running(&self) -> Index {
        let tree = self.places.disk(false).map_err(UpdateError::from).and_then(|disk| {
            let slots = disk.slots(self.identity.root_hash, None)?;
            let length = tree::length(self.identity.root_blocks);
            let bytes = read_start(&disk, &slots.running.tree, length)?;
            verified(bytes, self)
        });
        match tree {
            Ok(tree) => Index::new(tree.leaves()),
            Err(error) => {
                log::warn!("nothing of the running root is used: {}", ampoule_report::chain(&error));
                Index::default()
            }
        }
    }

    /// Whether the idle slot holds the whole image with this root hash.
    pub(crate) fn check_idle(&self, root_hash: ampoule_layout::RootHash, blocks: u64) -> Result<(), UpdateError> {
        let wrong = |reason: String| UpdateError::OtherSlot(reason);
        let disk = self.places.disk(false)?;
        let slots: Slots = disk.slots(self.identity.root_hash, Some(root_hash))?;
        if !slots.idle_is {
            return Err(wrong("it holds another image than the kernel image starts".to_owned()));
        }
        let bytes = read_start(&disk, &slots.idle.tree, tree::length(blocks))?;
        let tree = Tree::verify(bytes, root_hash, blocks).map_err(|error| wrong(error.to_string()))?;
        let mut block = [0; tree::BLOCK];
        for number in 0..blocks {
            disk.read(&slots.idle.root, number * BLOCK_SIZE, &mut block)?;
            if !tree.matches(number, &block) {
                return Err(wrong(format!("block {number} of its root")));
            }
        }
        Ok(())
    }
}

fn verified(bytes: Vec<u8>, updater: &Updater) -> Result<Tree, UpdateError> {
    let wrong = |source: TreeError| UpdateError::Tree { name: "the running root".to_owned(), source };
    Tree::verify(bytes, updater.identity.root_hash, updater.identity.root_blocks).map_err(wrong)
}
