//! `bench`: Ampoule beside a general-purpose Linux, on the same emulator with the same memory and processors.

mod debian;
mod measure;
mod ours;
mod table;

use std::{
    fs::{self, File},
    path::PathBuf,
};

use ampoule_machine::{Accelerator, Boot, MachineConfig};
use ampoule_registry::Registry;
use anyhow::{Context, Result, ensure};
use rustix::fs::{FlockOperation, flock};

use crate::{
    building, demo, paths, remove,
    show::{Show, print},
};
use table::{Comparison, Sample};

/// What both systems get.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Conditions {
    pub(crate) memory: u32,
    pub(crate) cpus: u32,
}

impl Conditions {
    /// A machine under these conditions: direct kernel boot, a memory balloon that reports, an overlay of its own.
    fn machine(self, boot: Boot, workdir: PathBuf) -> MachineConfig {
        let mut config = MachineConfig::with_boot(boot, workdir);
        config.memory_mib = self.memory;
        config.cpus = self.cpus;
        config.extra_args = ["-device", "virtio-balloon-pci,id=balloon0"].map(str::to_owned).to_vec();
        config
    }
}

/// `./ampoule bench boot`: alternating runs, so that a busy minute of the host hits both.
pub(crate) fn boot(runs: u32, memory: u32, cpus: u32, write: bool) -> Result<()> {
    let _lock = lock()?;
    let show = Show::new();
    let conditions = Conditions { memory, cpus };
    let image = demo::image(&show)?;
    let registry = Registry::start(vec![("demo".to_owned(), image)])?;
    let debian = debian::prepare(&show, &registry)?;
    let built = building::image(&show, "standalone", None, false)?;
    let work = workdir()?;
    let ampoule = ours::prepare(&show, &built, registry.port(), conditions, &work)?;
    let mut samples: [Vec<Sample>; 2] = Default::default();
    for run in 1..=runs {
        samples[0].push(show.stage("ampoule", &format!("boot {run} of {runs}"), || ours::boot(&ampoule, conditions, &work))?);
        samples[1].push(show.stage("debian", &format!("boot {run} of {runs}"), || debian::boot(&debian, conditions, &work))?);
    }
    let [ampoule_samples, debian_samples] = samples;
    let comparison = Comparison::new((ampoule.size(), ampoule_samples), (debian.size(), debian_samples));
    drop(show);
    print(&comparison.markdown())?;
    if write {
        write_page(&comparison, runs, conditions)?;
    }
    Ok(())
}

/// Two at once would measure each other, and share a folder. Free again when the file is closed, however that comes.
fn lock() -> Result<File> {
    let dir = paths::cache().join("bench");
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let file = File::create(dir.join("lock")).context("cannot write the lock of measurements")?;
    let free = flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok();
    ensure!(free, "another measurement runs on this machine; two at once would measure each other");
    Ok(file)
}

/// Emptied each time: nothing in it is worth keeping.
fn workdir() -> Result<PathBuf> {
    let dir = paths::cache().join("bench/work");
    remove::tree(&dir)?;
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    Ok(dir)
}

fn write_page(comparison: &Comparison, runs: u32, conditions: Conditions) -> Result<()> {
    let path = paths::repo()?.join("docs/benchmarks.md");
    let text = format!(
        "# Measured\n\nAmpoule beside Debian 13 with systemd and containerd (`mmdebstrap`, its own kernel and initramfs): the same QEMU, {} MiB, {} processors,\n\
         direct kernel boot, {}, alternating boots, medians of {runs}. Made by `./ampoule bench boot --write`.\n\n{}\n\
         Times count from the start of the kernel, as the systems themselves note them. Memory is what the balloon device says is not available, ten\n\
         seconds after the container's first output. Bytes are what a machine must hold: root, hash tree and kernel image here; all files there.\n",
        conditions.memory,
        conditions.cpus,
        Accelerator::detect(),
        comparison.markdown(),
    );
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    println!("written to {}", path.display());
    Ok(())
}
