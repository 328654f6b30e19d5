//! What a disk boots, by the boot loader's own rules, and whether that is whole: judged from its bytes, without a machine.

use std::{
    collections::BTreeMap,
    io::{self, Read, Seek, SeekFrom, Write},
    ops::Range,
    path::Path,
};

use ampoule_layout::{Architecture, RootHash};
use ampoule_update::loader::{self, COPIES, ENTRIES, Entry, Esp, IMAGES, Image};
use anyhow::{Context as _, Result, bail, ensure};
use semver::Version;

use super::Crashed;

const SECTOR: u64 = 512;
/// More boots than all counters together allow.
const MANY_BOOTS: usize = 20;

/// An image that the disk may hold.
pub(crate) struct Known {
    image: Image,
    kernel_image: Vec<u8>,
    root_hash: RootHash,
    root: Vec<u8>,
    tree: Vec<u8>,
    loader: Vec<u8>,
}

impl Known {
    /// Reads a built image.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let file = |name: &str| std::fs::read(folder.join(name)).with_context(|| format!("{} in {}", name, folder.display()));
        let manifest: serde_json::Value = serde_json::from_slice(&file("manifest.json")?)?;
        let text = |key: &str| manifest[key].as_str().with_context(|| format!("the manifest has no {key}"));
        let kernel_image = file("ampoule.efi")?;
        let sections = ampoule_update::uki::Uki::parse(&kernel_image)?;
        Ok(Self {
            image: Image { version: text("version")?.parse()?, order: sections.order() },
            root_hash: text("root-hash")?.parse()?,
            root: file("root.erofs")?,
            tree: file("root.verity")?,
            loader: file("loader.efi")?,
            kernel_image,
        })
    }

    /// Its version.
    pub(crate) fn version(&self) -> &Version {
        &self.image.version
    }
}

/// What a disk boots.
pub(crate) struct Choice {
    /// The version.
    pub(crate) version: Version,
    /// Of which of the known images the boot loader is.
    pub(crate) loader: usize,
}

/// Finds the version that the next boot of the disk starts. It must be whole, and so must be the one that is started when it never proves good, and the boot loader.
pub(crate) fn boot_choice(disk: &Crashed<'_>, known: &[Known]) -> Result<Choice> {
    let table = Table::read(disk)?;
    let files = BootFiles::read(disk, &table)?;
    let loader = known.iter().position(|known| known.loader == files.loader);
    let loader = loader.with_context(|| format!("a boot loader of {} bytes that is none of those known", files.loader.len()))?;
    let images: Vec<Image> = known.iter().map(|known| known.image.clone()).collect();
    let mut esp = files.names.clone();
    let first = next(&esp, &images)?;
    let mut whole = Vec::new();
    for _ in 0..MANY_BOOTS {
        let entry = next(&esp, &images)?;
        let version = entry.version.clone();
        let known = known.iter().find(|known| known.image.version == version).context("an unknown version")?;
        files.whole(&entry, known)?;
        // To be compared once: the counters change nothing in a slot.
        if !whole.contains(&version) {
            table.whole(disk, known)?;
            whole.push(version);
        }
        if entry.counter.is_none_or(|counter| counter.left == 0) {
            return Ok(Choice { version: first.version, loader });
        }
        rename(&mut esp, &entry);
    }
    bail!("the loader starts {} again and again", first.path)
}

fn next(esp: &Esp, images: &[Image]) -> Result<Entry> {
    loader::entries(esp, images).into_iter().next().with_context(|| format!("nothing to boot: {esp:?}"))
}

fn rename(esp: &mut Esp, entry: &Entry) {
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let (from, to) = (name(&entry.path), name(&loader::counted(entry)));
    for other in esp.images.iter_mut().chain(&mut esp.entries).filter(|other| **other == from) {
        other.clone_from(&to);
    }
}

/// Where a partition of a built disk lies, in bytes.
pub(crate) fn partition(disk: &Path, name: &str) -> Result<Range<u64>> {
    let table = gpt::GptConfig::new().writable(false).open(disk).context("no table of partitions")?;
    let found = table.partitions().values().find(|p| p.name == name).with_context(|| format!("no partition {name}"))?;
    Ok(found.first_lba * SECTOR..(found.last_lba + 1) * SECTOR)
}

/// Partitions by their GUID, and the boot partition: offset and size in bytes.
struct Table {
    partitions: BTreeMap<String, (u64, u64)>,
    esp: (u64, u64),
}

impl Table {
    /// Firmware and kernel take the second table if the first is damaged.
    fn read(disk: &Crashed<'_>) -> Result<Self> {
        let config = gpt::GptConfig::new().writable(false).only_valid_headers(false);
        let table = config.open_from_device(Window { disk, offset: 0, size: disk.size()?, at: 0 }).context("no table of partitions")?;
        let place = |p: &gpt::partition::Partition| (p.first_lba * SECTOR, (p.last_lba + 1 - p.first_lba) * SECTOR);
        let esp = table.partitions().values().find(|p| p.name == "ESP").map(place).context("no boot partition")?;
        let partitions = table.partitions().values().map(|p| (p.part_guid.to_string().to_lowercase(), place(p))).collect();
        Ok(Self { partitions, esp })
    }

    /// Whether the slot of an image is the image, to the last byte.
    fn whole(&self, disk: &Crashed<'_>, known: &Known) -> Result<()> {
        for (guid, bytes) in [(known.root_hash.root_partition(), &known.root), (known.root_hash.verity_partition(), &known.tree)] {
            let place = self.partitions.get(&guid.to_string().to_lowercase());
            let (offset, _) = place.with_context(|| format!("version {} has no partition {guid}", known.image.version))?;
            let mut found = vec![0; bytes.len().next_multiple_of(SECTOR as usize)];
            disk.read_at(&mut found, *offset)?;
            ensure!(found[..bytes.len()] == bytes[..], "the slot of version {} is not whole", known.image.version);
        }
        Ok(())
    }
}

/// The files of ours on the boot partition.
struct BootFiles {
    names: Esp,
    contents: BTreeMap<String, Vec<u8>>,
    loader: Vec<u8>,
}

impl BootFiles {
    fn read(disk: &Crashed<'_>, table: &Table) -> Result<Self> {
        let (offset, size) = table.esp;
        let fs = fatfs::FileSystem::new(Window { disk, offset, size, at: 0 }, fatfs::FsOptions::new()).context("the boot partition")?;
        let mut loader = Vec::new();
        fs.root_dir().open_file(&Architecture::NATIVE.loader()).context("no boot loader")?.read_to_end(&mut loader)?;
        let mut files = Self { names: Esp::default(), contents: BTreeMap::new(), loader };
        for folder in [IMAGES, ENTRIES, COPIES] {
            files.read_folder(&fs.root_dir(), folder)?;
        }
        Ok(files)
    }

    fn read_folder<T: fatfs::ReadWriteSeek>(&mut self, root: &fatfs::Dir<'_, T>, folder: &str) -> Result<()> {
        let Ok(entries) = root.open_dir(folder) else { return Ok(()) };
        for entry in entries.iter() {
            let entry = entry?;
            if entry.is_file() {
                let mut bytes = Vec::new();
                entry.to_file().read_to_end(&mut bytes).with_context(|| format!("{folder}/{} cannot be read", entry.file_name()))?;
                // FAT gives a new name its content after the name itself; an empty file is no image to the loader (systemd-boot, `config_entry_add_unified`).
                if bytes.is_empty() && folder == IMAGES {
                    continue;
                }
                self.names_in(folder).push(entry.file_name());
                self.contents.insert(format!("{folder}/{}", entry.file_name()), bytes);
            }
        }
        Ok(())
    }

    fn names_in(&mut self, folder: &str) -> &mut Vec<String> {
        match folder {
            IMAGES => &mut self.names.images,
            ENTRIES => &mut self.names.entries,
            _ => &mut self.names.copies,
        }
    }

    /// Whether what an entry starts is the kernel image of its version.
    fn whole(&self, entry: &Entry, known: &Known) -> Result<()> {
        let copy = format!("{COPIES}/{}.efi", entry.version);
        // The counter of a later boot is in no name on this disk, so its file is looked for by its version.
        let stem = format!("{IMAGES}/ampoule_{}", entry.version);
        let ours = |path: &&String| if entry.parameters { **path == copy } else { path.strip_prefix(&stem).is_some_and(is_ending) };
        let path = self.contents.keys().find(ours).with_context(|| format!("{} starts nothing", entry.path))?;
        ensure!(self.contents[path] == known.kernel_image, "{path} is not whole");
        Ok(())
    }
}

/// What may stand behind the version in the name of a kernel image.
fn is_ending(rest: &str) -> bool {
    rest == ".efi" || rest.starts_with('+')
}

/// A part of the disk that looks like a file, never written.
#[derive(Debug)]
struct Window<'a> {
    disk: &'a Crashed<'a>,
    offset: u64,
    size: u64,
    at: u64,
}

impl Read for Window<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.size.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let n = buffer.len().min(left);
        let start = self.offset + self.at;
        let skipped = usize::try_from(start % SECTOR).map_err(io::Error::other)?;
        let mut sectors = vec![0; (skipped + n).next_multiple_of(SECTOR as usize)];
        self.disk.read_at(&mut sectors, start - start % SECTOR)?;
        buffer[..n].copy_from_slice(&sectors[skipped..skipped + n]);
        self.at += n as u64;
        Ok(n)
    }
}

impl Write for Window<'_> {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Window<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.size.checked_add_signed(by),
        };
        self.at = at.ok_or_else(|| io::Error::other("seek before the beginning"))?;
        Ok(self.at)
    }
}
