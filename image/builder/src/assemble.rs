//! From packages to the files of an image.

use crate::cache::Cache;
use crate::compare::REPRODUCIBLE;
use crate::disk;
use crate::filesystem;
use crate::hardening;
use crate::hash;
use crate::manifest::{Executable, Manifest, Sizes};
use crate::package::Built;
use crate::progress::Progress;
use crate::root::{self, Identity};
use crate::rules;
use crate::sbom;
use crate::selinux;
use crate::stage::{Made, Stage};
use crate::tool::Tool;
use crate::uki::{self, Section};
use crate::variant::Variant;
use ampoule_layout::{CommandLine, RootHash, VerityTable};
use anyhow::Context;
use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Everything that is decided before the first file is written.
pub(crate) struct Plan<'a> {
    pub(crate) repo: &'a Path,
    pub(crate) cache: &'a Cache,
    pub(crate) variant: &'a Variant,
    pub(crate) packages: &'a [Built],
    pub(crate) services: &'a [(String, PathBuf)],
    pub(crate) identity: &'a Identity,
    /// What the node trusts for updates: the text of a TUF `root.json`.
    pub(crate) update_root: Option<&'a [u8]>,
    pub(crate) progress: &'a dyn Progress,
}

/// What is known of a finished root.
struct Root {
    executables: Vec<Executable>,
    modules: Vec<String>,
    contents: u64,
}

impl Plan<'_> {
    /// Writes all files of the image into the empty directory `out`.
    pub(crate) fn carry_out(&self, out: &Path) -> anyhow::Result<Manifest> {
        let root = self.stage("root", "the root file system, checked against the rules", |stage| self.root(out, stage))?;
        let root_hash = self.stage("verity", "the hash tree, the command line, the kernel image", |stage| self.boot(out, stage))?;
        self.stage("disk", "the disk, raw and qcow2", |stage| self.disk(out, root_hash, stage))?;
        let document = sbom::document(&self.variant.node.name, &self.identity.version, self.packages);
        std::fs::write(out.join("sbom.spdx.json"), serde_json::to_vec_pretty(&document)?)?;
        let manifest = self.manifest(out, root_hash, root)?;
        std::fs::write(out.join("manifest.json"), serde_json::to_vec_pretty(&manifest)?)?;
        Ok(manifest)
    }

    /// Inputs that are not the locked ones, each once: packages share what the toolchain adds.
    pub(crate) fn differs_from_lock(&self) -> Vec<String> {
        let all: BTreeSet<&String> = self.packages.iter().flat_map(|built| &built.differs).collect();
        all.into_iter().cloned().collect()
    }

    fn stage<T>(&self, name: &str, detail: &str, work: impl FnOnce(&Stage) -> anyhow::Result<T>) -> anyhow::Result<T> {
        Stage::run(self.progress, self.cache, name, detail, |stage| work(stage).map(Made::now))
    }

    fn root(&self, out: &Path, stage: &Stage) -> anyhow::Result<Root> {
        let scratch = self.cache.scratch("root")?;
        let tree = scratch.path().join("tree");
        std::fs::create_dir(&tree)?;
        root::fill(&tree, self.repo, self.packages, self.services, self.variant, self.identity)?;
        if let Some(trusted) = self.update_root {
            root::place(&tree, root::UPDATE_ROOT, trusted)?;
        }
        selinux::compile(self.repo, &tree, scratch.path(), stage)?;
        filesystem::seed(&tree.join("usr/lib/ampoule/seed.ext4"), scratch.path(), stage)?;
        let root = Root { executables: rules::examine(&tree)?, modules: modules(&tree)?, contents: root::contents(&tree)? };
        filesystem::erofs(&tree, &selinux::file_contexts(self.repo), &out.join("root.erofs"), stage)?;
        rules::examine_size(out.join("root.erofs").metadata()?.len())?;
        Ok(root)
    }

    fn boot(&self, out: &Path, stage: &Stage) -> anyhow::Result<RootHash> {
        let (root_hash, blocks) = filesystem::verity(&out.join("root.erofs"), &out.join("root.verity"), stage)?;
        let line = CommandLine::new(VerityTable::for_image(root_hash, blocks)).to_string();
        hardening::examine(self.repo, &self.boot_file("kernel.config")?, &line)?;
        let kernel = std::fs::read(self.boot_file("vmlinuz")?)?;
        let release = std::fs::read_to_string(self.boot_file("kernel.release")?)?;
        let os_release = self.identity.os_release();
        let sections = [
            Section { name: ".osrel", bytes: os_release.as_bytes() },
            Section { name: ".cmdline", bytes: line.as_bytes() },
            Section { name: ".uname", bytes: release.as_bytes() },
            Section { name: ".linux", bytes: &kernel },
        ];
        let image = uki::join(&std::fs::read(self.boot_file("stub.efi")?)?, &sections)?;
        std::fs::write(out.join("ampoule.efi"), image)?;
        std::fs::write(out.join("vmlinuz"), &kernel)?;
        // An update brings the boot loader along; a new node has it on its disk already.
        std::fs::write(out.join("loader.efi"), std::fs::read(self.boot_file("loader.efi")?)?)?;
        std::fs::write(out.join("cmdline"), line)?;
        std::fs::copy(self.boot_file("kernel.config")?, out.join("kernel.config"))?;
        Ok(root_hash)
    }

    fn disk(&self, out: &Path, root_hash: RootHash, stage: &Stage) -> anyhow::Result<()> {
        disk::of(out, root_hash, &self.identity.version)?;
        Tool::new("qemu-img").args(["convert", "-f", "raw", "-O", "qcow2"]).arg(out.join("disk.raw")).arg(out.join("disk.qcow2")).run(stage)
    }

    /// A file that one of the packages provides for booting.
    fn boot_file(&self, name: &str) -> anyhow::Result<PathBuf> {
        let found = self.packages.iter().map(|b| b.dir.join("boot").join(name)).find(|p| p.is_file());
        found.with_context(|| format!("no package of the variant {} provides {name}", self.variant.node.name))
    }

    fn manifest(&self, out: &Path, root_hash: RootHash, root: Root) -> anyhow::Result<Manifest> {
        let hashed = |name: &&str| Ok(((*name).to_owned(), hash::file(&out.join(name))?));
        let mut services = self.variant.node.services.clone();
        services.sort();
        Ok(Manifest {
            format: 1,
            variant: self.variant.node.name.clone(),
            version: self.identity.version.clone(),
            build_id: self.identity.build_id.clone(),
            architecture: "x86_64".to_owned(),
            kernel: std::fs::read_to_string(self.boot_file("kernel.release")?)?,
            root_hash: root_hash.to_string(),
            sizes: sizes(out, root.contents)?,
            services,
            executables: root.executables,
            modules: root.modules,
            packages: self.packages.iter().map(|b| b.package.clone()).collect(),
            migrations: ampoule_migrate::Steps::compiled().migrations(),
            differs_from_lock: self.differs_from_lock(),
            // The disk is the others and a table; hashing its holes would take longer than building it.
            files: REPRODUCIBLE.iter().filter(|n| **n != "disk.raw").map(hashed).collect::<anyhow::Result<_>>()?,
        })
    }
}

fn modules(tree: &Path) -> anyhow::Result<Vec<String>> {
    let files = hash::files_below(&tree.join("usr/lib/modules"))?;
    let modules = files.iter().filter(|p| p.extension().is_some_and(|e| e == "ko"));
    let mut names: Vec<_> = modules.filter_map(|p| Some(p.file_stem()?.to_string_lossy().into_owned())).collect();
    names.sort();
    Ok(names)
}

fn sizes(out: &Path, contents: u64) -> anyhow::Result<Sizes> {
    let metadata = |name: &str| std::fs::metadata(out.join(name)).with_context(|| format!("{name} was not made"));
    let disk = metadata("disk.raw")?;
    Ok(Sizes {
        root: metadata("root.erofs")?.len(),
        root_contents: contents,
        verity: metadata("root.verity")?.len(),
        uki: metadata("ampoule.efi")?.len(),
        disk: disk.len(),
        disk_allocated: disk.blocks() * 512,
        qcow2: metadata("disk.qcow2")?.len(),
    })
}
