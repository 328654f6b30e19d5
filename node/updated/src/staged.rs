//! What `prepare` fetched and `activate` needs: kernel image and boot loader, with what proves them; the tree, and how far the root is.

use crate::error::UpdateError;
use crate::fetcher::{FetchError, Fetcher};
use crate::kernel_image::Kernel;
use crate::patience::Fetched;
use crate::places::{Places, write_whole};
use crate::repository::{Repository, Target};
use ampoule_fetchwire::Range;
use ampoule_files::remove;
use ampoule_layout::RootHash;
use ampoule_update::TargetName;
use ampoule_update::delta::Bitmap;
use ampoule_update::manifest::{MAX_BOOT, MAX_HASH, Update};
use ampoule_update::tree::Tree;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

const TREE: &str = "tree";
const DONE: &str = "done";
const DRAFT: &str = "draft";
/// Longest bitmap: a bit for each block of the largest slot, and its head.
const MAX_DONE: u64 = 1 << 20;

/// A file that is kept with the hash that the signed list has for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Image,
    Loader,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Image => "image.efi",
            Self::Loader => "loader.efi",
        }
    }
}

/// The folder of one update that is staged.
#[derive(Clone, Debug)]
pub(crate) struct Staged {
    folder: PathBuf,
}

impl Staged {
    pub(crate) fn new(places: &Places) -> Self {
        Self { folder: places.cache().join("staged") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn io(&self, what: &'static str, name: &str) -> impl FnOnce(io::Error) -> UpdateError {
        let path = self.path(name);
        move |source| UpdateError::Io { what, path, source }
    }

    /// The verified tree of an update: the one that is kept, or the repository's.
    pub(crate) fn tree(&self, update: &Update, repository: &Repository) -> Result<Tree, UpdateError> {
        if let Some(tree) = self.kept_tree(update) {
            return Ok(tree);
        }
        let mut bytes = Vec::with_capacity(usize::try_from(update.size.hash.min(MAX_HASH)).unwrap_or_default());
        repository.read(&update.images.hash, update.size.hash, &mut bytes)?;
        let name = update.images.hash.to_string();
        let tree = Tree::verify(bytes, update.root_hash, update.root_blocks).map_err(|source| UpdateError::Tree { name, source })?;
        write_whole(&self.path(TREE), tree.bytes()).map_err(self.io("keep", TREE))?;
        Ok(tree)
    }

    /// The tree that is kept, if it is that of the update.
    pub(crate) fn kept_tree(&self, update: &Update) -> Option<Tree> {
        let bytes = ampoule_files::read(&self.path(TREE), MAX_HASH).ok()??;
        Tree::verify(bytes, update.root_hash, update.root_blocks).ok()
    }

    /// How far the root is; nothing, if what is kept is of another image.
    pub(crate) fn done(&self, update: &Update) -> Bitmap {
        let kept = ampoule_files::read(&self.path(DONE), MAX_DONE).ok().flatten();
        let kept = kept.and_then(|bytes| Bitmap::from_bytes(&bytes, update.root_hash, update.root_blocks).ok());
        kept.unwrap_or_else(|| Bitmap::new(update.root_blocks))
    }

    pub(crate) fn note(&self, done: &Bitmap, root_hash: RootHash) -> io::Result<()> {
        write_whole(&self.path(DONE), &done.to_bytes(root_hash))
    }

    /// Fetches a part, unless it is there already.
    pub(crate) fn fetch(&self, part: Part, update: &Update, repository: &Repository) -> Result<(), UpdateError> {
        let (name, length) = match part {
            Part::Image => (&update.images.boot, update.size.boot),
            Part::Loader => (&update.images.loader, update.size.loader),
        };
        let target = repository.target_of(name, length)?;
        if !self.is(part.name(), &target) {
            self.download(part, name, length, repository)?;
        }
        self.prove(part, &target)
    }

    /// Puts the kernel image together from a kernel that the node has and what is around it; whether that came out as the one that is signed. If not, it is fetched
    /// whole; but not from a server that has too much to do for the parts.
    pub(crate) fn put_together(
        &self,
        kernel: Kernel,
        update: &Update,
        repository: &Repository,
        fetcher: &Fetcher,
    ) -> Result<bool, UpdateError> {
        let (name, length) = (&update.images.boot, update.size.boot);
        let target = repository.target_of(name, length)?;
        if self.is(Part::Image.name(), &target) {
            return Ok(true);
        }
        let Some(place) = &update.kernel else { return Ok(false) };
        let (url, end) = (repository.address(name)?, place.offset + place.size);
        std::fs::create_dir_all(&self.folder).map_err(self.io("make the folder", ""))?;
        let mut file = File::create(self.path(DRAFT)).map_err(self.io("make", DRAFT))?;
        // The kernel first: as long as it is open, nobody else mounts the boot partition to write, and a server may be slow.
        let kernel_is_there = file.seek(SeekFrom::Start(place.offset)).and_then(|_| kernel.copy(&mut file));
        drop(kernel);
        let around = [Range { offset: 0, length: place.offset }, Range { offset: end, length: length - end }];
        let mut fetched = around.into_iter().map(|part| fetch_part(fetcher, &url, part, &mut file));
        match kernel_is_there.map_err(PartError::from).and_then(|()| fetched.try_for_each(|part| part)) {
            Err(PartError::Fetch(error)) if error.is_final() => return Err(error.into()),
            Err(error) => {
                log::info!("the kernel image is fetched whole: {error}");
                return Ok(false);
            }
            Ok(()) => {}
        }
        let right = self.is(DRAFT, &target);
        if right {
            self.keep(file, Part::Image)?;
        } else {
            log::warn!("{url} sent wrong bytes around the kernel; it is fetched whole");
        }
        Ok(right)
    }

    /// Under another name until its hash is right.
    fn download(&self, part: Part, name: &TargetName, length: u64, repository: &Repository) -> Result<(), UpdateError> {
        std::fs::create_dir_all(&self.folder).map_err(self.io("make the folder", ""))?;
        let mut file = File::create(self.path(DRAFT)).map_err(self.io("make", DRAFT))?;
        repository.read(name, length, &mut file)?;
        self.keep(file, part)
    }

    fn keep(&self, draft: File, part: Part) -> Result<(), UpdateError> {
        draft.sync_all().and_then(|()| std::fs::rename(self.path(DRAFT), self.path(part.name()))).map_err(self.io("keep", part.name()))
    }

    fn prove(&self, part: Part, target: &Target) -> Result<(), UpdateError> {
        let proof = self.proof(part);
        write_whole(&proof, format!("{} {}\n", target.sha256, target.length).as_bytes()).map_err(self.io("write", part.name()))
    }

    fn proof(&self, part: Part) -> PathBuf {
        self.path(&format!("{}.sha256", part.name()))
    }

    /// What the part was when it was verified.
    pub(crate) fn proven(&self, part: Part) -> Option<Target> {
        let text = String::from_utf8(ampoule_files::read(&self.proof(part), 200).ok()??).ok()?;
        let (sha256, length) = text.trim().split_once(' ')?;
        Some(Target { sha256: sha256.to_owned(), length: length.parse().ok()? })
    }

    /// The part, if it is still what was verified.
    pub(crate) fn open(&self, part: Part) -> Result<(File, Target), UpdateError> {
        let target = self.proven(part).ok_or(UpdateError::Cache(part.name()))?;
        if !self.is(part.name(), &target) {
            return Err(UpdateError::Cache(part.name()));
        }
        let file = File::open(self.path(part.name())).map_err(self.io("open", part.name()))?;
        Ok((file, target))
    }

    fn is(&self, name: &str, target: &Target) -> bool {
        File::open(self.path(name)).and_then(measure).is_ok_and(|found| found == *target)
    }

    /// Nothing of it is needed any more. The image goes last: it says of which version the rest is, should power be cut in between.
    pub(crate) fn clear(&self) {
        let parts = [Part::Loader, Part::Image].into_iter().flat_map(|part| [self.path(part.name()), self.proof(part)]);
        for path in [TREE, DONE, DRAFT].map(|name| self.path(name)).into_iter().chain(parts) {
            if let Err(error) = remove(&path) {
                log::warn!("{}: {error}", path.display());
            }
        }
    }
}

/// Hash and length of a file.
pub(crate) fn measure(file: File) -> io::Result<Target> {
    let (mut file, mut hasher, mut piece, mut length) = (file.take(MAX_BOOT), Sha256::new(), vec![0; 64 * 1024], 0);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(Target { sha256: ampoule_base::hex(&hasher.finalize()), length }),
            got => {
                hasher.update(&piece[..got]);
                length += got as u64;
            }
        }
    }
}

/// Why a part of a file is not there.
#[derive(Debug, thiserror::Error)]
enum PartError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Fetched for PartError {
    fn into_fetch(self) -> Result<FetchError, Self> {
        match self {
            Self::Fetch(error) => Ok(error),
            other => Err(other),
        }
    }
}

/// Fetches a part of a file to its place in another; from its first byte on each time it is tried.
fn fetch_part(fetcher: &Fetcher, url: &str, part: Range, file: &mut File) -> Result<(), PartError> {
    if part.length == 0 {
        return Ok(());
    }
    fetcher.patiently(
        &format!("{url} {}", part.offset),
        || false,
        || {
            file.seek(SeekFrom::Start(part.offset))?;
            let (mut answer, mut piece) = (fetcher.open(url, Some(part), part.length)?, vec![0; 32 * 1024]);
            loop {
                match answer.read(&mut piece)? {
                    0 => return Ok(()),
                    got => file.write_all(&piece[..got])?,
                }
            }
        },
    )
}
