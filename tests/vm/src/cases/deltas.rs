//! What nodes fetch for a release: the image under test beside one laid out anew with some files changed as much as they can be. Needs no machine.

use std::{
    fs,
    path::{Path, PathBuf},
};

use ampoule_builder::{Manifest, Silent, lay_out, unpack};
use ampoule_publish::{BLOCK, DeltaReport, Parts, Root, delta_between};
use anyhow::{Result, ensure};

use crate::{
    context::{Context, checkout},
    framework::within,
    runner::Case,
};

pub(super) const CASES: &[Case] = &[Case {
    name: "a_release_costs_what_changed",
    about: "of a release with one other daemon, or another kernel with its modules, a node fetches that, compressed, and little beside it: what is the same stays in the same blocks",
    limit: within(600),
    soak: false,
    run: a_release_costs_what_changed,
}];

/// Of the image, what may come on top of the changed files: hash tree and metadata.
const BESIDE: u64 = 50;
/// Of the image, what one daemon may cost.
const DAEMON: u64 = 10;
/// What a changed daemon has more.
const LONGER: usize = 5000;

fn a_release_costs_what_changed(context: &Context) -> Result<()> {
    let node = Running::of(context)?;
    let netd = node.tree.join("usr/bin/netd");
    let before = fs::read(&netd)?;
    fs::write(&netd, [inverted(before.clone()), vec![0; LONGER]].concat())?;
    let daemon = node.fetches("another netd", &["/usr/bin/netd"], &node.image.boot)?;
    ensure!(daemon.total * DAEMON <= daemon.full, "{} of {} bytes for one daemon", daemon.total, daemon.full);

    fs::write(&netd, before)?;
    let modules = below(&node.tree.join("usr/lib/modules"), "ko")?;
    ensure!(modules.len() > 10, "only {} modules", modules.len());
    for module in &modules {
        fs::write(module, inverted(fs::read(module)?))?;
    }
    let boot = context.folder().join("another.efi");
    let kernel = fs::read(&node.image.boot)?;
    let (start, middle) = kernel.split_at(kernel.len() / 2);
    fs::write(&boot, [start, &inverted(middle.to_vec())].concat())?;
    let report = node.fetches("another kernel", &["/usr/lib/modules/"], &boot)?;
    ensure!(report.kernel_image == kernel.len() as u64, "the kernel is another one: {}", report.kernel_image);
    Ok(fs::remove_dir_all(&node.tree)?)
}

/// Compresses as well as before, and has no byte in common.
fn inverted(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.iter_mut().for_each(|byte| *byte = !*byte);
    bytes
}

/// What a node runs, and its files.
struct Running<'a> {
    context: &'a Context,
    image: Parts,
    root: Root,
    tree: PathBuf,
}

impl<'a> Running<'a> {
    fn of(context: &'a Context) -> Result<Self> {
        let (image, tree) = (Parts::built(context.image()), context.folder().join("tree"));
        let manifest: Manifest = ampoule_builder::inspect(context.image())?;
        let root = Root { root_hash: manifest.root_hash.parse()?, blocks: manifest.sizes.root / BLOCK };
        unpack(&image.root, &tree)?;
        Ok(Self { context, image, root, tree })
    }

    /// What it fetches for its own tree as it is now, with another kernel image: at most the files below `changed` as the new image has them, that kernel image, and a little.
    fn fetches(&self, name: &str, changed: &[&str], boot: &Path) -> Result<DeltaReport> {
        let out = self.context.folder().join(name.replace(' ', "-"));
        fs::create_dir_all(&out)?;
        let (root_hash, blocks) = lay_out(&checkout()?, &self.tree, &out, self.context.cache(), &Silent)?;
        let laid = Parts { boot: boot.to_owned(), loader: self.image.loader.clone(), ..Parts::built(&out) };
        let report = delta_between((&self.image, self.root), (&laid, Root { root_hash, blocks }))?;
        let ours = report.files.iter().filter(|file| changed.iter().any(|path| file.path.starts_with(path)));
        let limit = ours.map(|file| file.blocks * BLOCK).sum::<u64>() + report.kernel_image + report.full / BESIDE;
        println!("     {name}: {} of {} KiB, at most {}", report.total >> 10, report.full >> 10, limit >> 10);
        ensure!(report.total <= limit, "{} bytes for {name}, more than {limit}: {:?}", report.total, report.files);
        fs::remove_dir_all(&out)?;
        Ok(report)
    }
}

/// Files with this ending, in all folders below.
fn below(folder: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(below(&path, ending)?);
        } else if path.extension().is_some_and(|found| found == ending) {
            found.push(path);
        }
    }
    Ok(found)
}
