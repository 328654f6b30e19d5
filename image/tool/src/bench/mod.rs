//! `bench`: Ampoule beside a general-purpose Linux, on the same emulator with the same memory and processors.

pub(crate) mod api;
mod debian;
pub(crate) mod images;
mod measure;
mod ours;
pub(crate) mod reboot;
pub(crate) mod surface;
mod table;
pub(crate) mod update;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use ampoule_builder::BuiltImage;
use ampoule_machine::{Accelerator, Boot, MachineConfig};
use ampoule_registry::Registry;
use anyhow::{Context, Result, ensure};
use rustix::fs::{FlockOperation, flock};

use crate::{
    building, demo, figures, paths, remove,
    show::{Show, print},
};
use table::{Comparison, Sample};

/// What both systems get.
#[derive(clap::Args, Clone, Copy, Debug)]
pub(crate) struct Conditions {
    /// Memory of each machine in MiB
    #[arg(long, default_value_t = 1024)]
    pub(crate) memory: u32,
    /// Processors of each machine
    #[arg(long, default_value_t = 2)]
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
pub(crate) fn boot(runs: u32, conditions: Conditions, given: Option<&Path>, write: bool) -> Result<()> {
    let _lock = lock()?;
    let show = Show::new();
    let image = demo::image(&show)?;
    let registry = Registry::start(vec![("demo".to_owned(), image)])?;
    let debian = debian::prepare(&show, &registry)?;
    let built = built(&show, given)?;
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
    let page = page(&comparison, &Circumstances { runs, conditions, root: built.manifest.sizes.root, load: load() });
    tell(&page, write.then_some("benchmarks.md"))
}

/// Prints a page, and writes it to the file of this name in the documentation if there is one.
fn tell(page: &str, name: Option<&str>) -> Result<()> {
    print(page)?;
    let Some(name) = name else { return Ok(()) };
    let path = paths::repo()?.join("docs").join(name);
    fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
    print(&format!("\nwritten to {}\n", path.display()))
}

/// The image in the folder that was given, else that of this checkout.
fn built(show: &Show, given: Option<&Path>) -> Result<BuiltImage> {
    match given {
        Some(folder) => building::there(folder),
        None => building::image(show, "standalone", None),
    }
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

/// What must be known to judge the figures.
struct Circumstances {
    runs: u32,
    conditions: Conditions,
    /// Bytes of our root file system.
    root: u64,
    /// Processes that wanted a processor of the host, on average over the last quarter of an hour.
    load: Option<f64>,
}

/// The page of the documentation.
fn page(comparison: &Comparison, circumstances: &Circumstances) -> String {
    let Circumstances { runs, conditions, root, load } = circumstances;
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let busy = load.map(|load| format!(", load {load:.1} over its last quarter of an hour")).unwrap_or_default();
    let rows = [
        "# Measured".to_owned(),
        "Ampoule beside Debian 13 with systemd and containerd (`mmdebstrap`, Debian's own kernel and initramfs), by".to_owned(),
        format!("```sh\n./ampoule bench boot --runs {runs} --write\n```"),
        format!(
            "The same QEMU for both, {} MiB of memory, {} processors, direct kernel boot, engine {}; alternating boots, medians of {runs} with the\n\
             extremes in brackets. The host has {processors} processors{busy}: look at the ratios, not at the seconds.",
            conditions.memory,
            conditions.cpus,
            Accelerator::detect(),
        ),
        comparison.markdown().trim_end().to_owned(),
        format!("Our root file system has {} (wanted: at most 50 MiB).", figures::bytes(*root)),
        "Times count from the start of the kernel, as the systems themselves note them. The container is the same in both, and its image is in the\n\
         store before the boot. Memory is what the balloon device says is not available to programs, ten seconds after the container's first output, so\n\
         it has the kernel and the container in it. Bytes are what a machine must hold: root, hash tree and kernel image here, all files there.\n\
         Executables are files that can be started, libraries and kernel modules left out."
            .to_owned(),
    ];
    rows.join("\n\n") + "\n"
}

/// The third number of `/proc/loadavg` (`proc(5)`).
fn load() -> Option<f64> {
    fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().nth(2)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use table::Size;

    #[test]
    fn the_page_says_how_it_came_about() {
        let nothing = || (Size::default(), vec![Sample::default()]);
        let circumstances = Circumstances { runs: 5, conditions: Conditions { memory: 768, cpus: 1 }, root: 40 << 20, load: Some(9.25) };
        let page = page(&Comparison::new(nothing(), nothing()), &circumstances);
        for part in ["bench boot --runs 5 --write", "768 MiB", "load 9.2", "root file system has 40.0 MiB", "| executables |"] {
            assert!(page.contains(part), "{part}: {page}");
        }
    }
}
