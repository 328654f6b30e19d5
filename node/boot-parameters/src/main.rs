//! Hands the boot parameters of the settings to the boot loader
//!
//! Runs to its end at each boot and each time settings change. What to do is decided in `lib/kernel`.

mod loader;

use std::{
    env,
    fs::{self, File},
    io,
    os::fd::OwnedFd,
    path::PathBuf,
    process::ExitCode,
};

use ampoule_disk::{Disks, Folder, boot};
use ampoule_initctl::{InitClient, InitError};
use ampoule_kernel::{BootDocument, BootState, BootStep, DocumentError, EntryStep, Verdict, decide_boot, parameter_text, parse_document};
use ampoule_layout::{CommandLine, CommandLineError, os_release_value};
use loader::Loader;

/// What went wrong. Nothing is half done: the entry of before, or none, is what the next boot takes.
#[derive(Debug, thiserror::Error)]
enum BootParametersError {
    #[error("could not read {path}", path = path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{path} is wrong", path = path.display())]
    Document { path: PathBuf, source: DocumentError },
    #[error("boot parameters are refused: {0}")]
    Refused(String),
    #[error("the kernel's command line is not one of this system")]
    CommandLine(#[from] CommandLineError),
    #[error("the disk of the root has no boot partition")]
    NoPartition,
    #[error("the boot partition has no kernel image of version {0}, so it is not what this node was started from")]
    NoImage(String),
    #[error("the boot partition cannot be used")]
    Partition(#[source] io::Error),
    #[error("could not reboot the node for its boot parameters; they take effect at the next boot")]
    Reboot(#[source] InitError),
}

fn main() -> ExitCode {
    ampoule_report::init_logger();
    let node = Node::new(env::args_os().nth(1).map(PathBuf::from));
    match node.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{}", ampoule_report::chain(&error));
            ExitCode::FAILURE
        }
    }
}

/// Where things are.
struct Node {
    root: PathBuf,
    /// Tests have a folder in place of a partition.
    partition: Option<PathBuf>,
}

/// What is asked for, and what the kernel was started with.
struct Situation {
    wanted: String,
    reconcile: bool,
    base: String,
    running: String,
    version: String,
    order: String,
}

impl Node {
    fn new(root: Option<PathBuf>) -> Self {
        let partition = root.as_ref().map(|root| root.join("esp"));
        Self { root: root.unwrap_or_else(|| "/".into()), partition }
    }

    fn run(&self) -> Result<(), BootParametersError> {
        let situation = self.situation()?;
        if !self.root.join("sys/firmware/efi").exists() {
            if !situation.wanted.is_empty() {
                log::warn!("settings.boot has no effect: this node was started without firmware and boot loader");
            }
            return Ok(());
        }
        let (step, image) = self.decide(&situation)?;
        if step.settle || step.entry != EntryStep::Keep {
            self.carry_out(&situation, &step, &image)?;
        }
        self.conclude(step.verdict, &situation)
    }

    fn situation(&self) -> Result<Situation, BootParametersError> {
        let document = self.document()?;
        let wanted = parameter_text(&document).map_err(|reasons| BootParametersError::Refused(reasons.join("; ")))?;
        let line = self.text("proc/cmdline")?;
        let (base, running) = split(line.trim())?;
        let release = self.text("usr/lib/os-release")?;
        let version = os_release_value(&release, "VERSION_ID").unwrap_or_default().to_owned();
        let order = ampoule_update::loader::order_of(&release);
        Ok(Situation { wanted, reconcile: document.reboot_to_reconcile, base, running, version, order })
    }

    /// Nothing is set if there is no file.
    fn document(&self) -> Result<BootDocument, BootParametersError> {
        let path = self.root.join("etc/ampoule/boot.json");
        match fs::read(&path) {
            Ok(bytes) => parse_document(&bytes).map_err(|source| BootParametersError::Document { path, source }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BootDocument::default()),
            Err(source) => Err(BootParametersError::Read { path, source }),
        }
    }

    fn text(&self, below: &str) -> Result<String, BootParametersError> {
        let path = self.root.join(below);
        fs::read_to_string(&path).map_err(|source| BootParametersError::Read { path, source })
    }

    /// Looks without writing.
    fn decide(&self, situation: &Situation) -> Result<(BootStep, String), BootParametersError> {
        let loader = situation.loader(self.open(false)?);
        let missing = || BootParametersError::NoImage(situation.version.clone());
        let image = loader.image().map_err(BootParametersError::Partition)?.ok_or_else(missing)?;
        let entry = loader.entry(&image).map_err(BootParametersError::Partition)?;
        let settled = loader.settled().map_err(BootParametersError::Partition)?;
        let Situation { wanted, running, reconcile, .. } = situation;
        let has_entries = loader.has_entries().map_err(BootParametersError::Partition)?;
        let on_trial = loader.is_on_trial(&image);
        let mut step = decide_boot(&BootState { wanted, running, entry, settled: settled.as_deref(), reconcile: *reconcile, on_trial });
        // Nothing to remove, nothing to keep in mind: a node that never had parameters is never written to.
        if step.entry == EntryStep::Remove && !has_entries {
            step.entry = EntryStep::Keep;
        }
        if wanted.is_empty() && settled.is_none() && step.verdict == Verdict::InEffect {
            step.settle = false;
        }
        Ok((step, image))
    }

    fn carry_out(&self, situation: &Situation, step: &BootStep, image: &str) -> Result<(), BootParametersError> {
        let loader = situation.loader(self.open(true)?);
        let entry = loader.carry_out(step.entry, image, &situation.wanted);
        let settled = entry.and_then(|()| if step.settle { loader.settle(&situation.wanted) } else { Ok(()) });
        settled.map_err(BootParametersError::Partition)
    }

    fn open(&self, writable: bool) -> Result<OwnedFd, BootParametersError> {
        let opened = match &self.partition {
            Some(folder) => File::open(folder).map(OwnedFd::from),
            None => {
                let partition = Disks::of_this_node().of_root(boot::NAME).ok_or(BootParametersError::NoPartition)?;
                boot::open(&partition.device, writable)
            }
        };
        opened.map_err(BootParametersError::Partition)
    }

    fn conclude(&self, verdict: Verdict, situation: &Situation) -> Result<(), BootParametersError> {
        let wanted = if situation.wanted.is_empty() { "no boot parameters" } else { &situation.wanted };
        match verdict {
            Verdict::InEffect => {}
            Verdict::AtNextBoot => log::info!("from the next boot on: {wanted}"),
            Verdict::GivenUp => log::error!("settings.boot: the node did not come up with: {wanted}; it runs without them"),
            Verdict::NotTaken => {
                log::error!(
                    "settings.boot: the boot loader was asked for: {wanted}; it started the node with: {}",
                    if situation.running.is_empty() { "none" } else { &situation.running }
                )
            }
            Verdict::Reboot => {
                log::warn!("the node is rebooted so that its boot parameters are: {wanted}");
                let socket = self.root.join(ampoule_initctl::SOCKET.trim_start_matches('/'));
                InitClient::connect_at(&socket).and_then(|init| init.reboot()).map_err(BootParametersError::Reboot)?;
            }
        }
        Ok(())
    }
}

impl Situation {
    fn loader(&self, root: OwnedFd) -> Loader<'_> {
        Loader { folder: Folder::new(root), version: &self.version, order: &self.order, base: &self.base }
    }
}

/// The image's own part of a command line, and the rest of it.
fn split(line: &str) -> Result<(String, String), CommandLineError> {
    let mut own: CommandLine = line.parse()?;
    own.extra.clear();
    let base = own.to_string();
    let rest = line.strip_prefix(&base).unwrap_or_default().trim().to_owned();
    Ok((base, rest))
}
