//! One run of a local node: machine, registry and record held together.

use std::{fs, time::Duration};

use ampoule_api_client::Client;
use ampoule_builder::BuiltImage;
use ampoule_machine::{Exit, Forward, LocalIdentity, Loopback, Machine, MachineConfig, OnReboot, free_port};
use ampoule_registry::Registry;
use anyhow::{Result, bail};

use crate::{
    cli::RunArgs,
    interrupt::Interrupt,
    local::{
        folder::{DiskState, NodeFolder, NodeLock, Record},
        user_data::{self, UserData},
        workload::Workload,
    },
    show::Show,
};

/// Disk of a local node. Sparse: it takes what is written.
const DISK_SIZE: u64 = 16 << 30;

/// An orderly stop takes a second or two; workloads may use their own time limits.
const STOP_LIMIT: Duration = Duration::from_secs(45);

/// A running node and all that belongs to it.
pub(crate) struct Session {
    pub(crate) folder: NodeFolder,
    pub(crate) machine: Machine,
    pub(crate) registry: Option<Registry>,
    pub(crate) record: Record,
    /// The node has settings from an earlier run: user data is not read again.
    pub(crate) had_state: bool,
    _lock: NodeLock,
}

impl Session {
    /// Prepares the folder, starts registry and machine.
    pub(crate) fn start(show: &Show, args: &RunArgs, theirs: &UserData, built: &BuiltImage, what: Option<&Workload>) -> Result<Self> {
        let folder = NodeFolder::named(&args.node.name);
        folder.make()?;
        let Some(lock) = folder.lock()? else {
            bail!("this node already runs; `./ampoule stop` ends it, `--name OTHER` starts another beside it");
        };
        let had_state = prepare_disk(show, args, built, &folder, &lock)?;
        let registry = what.map(|what| start_registry(&folder, what)).transpose()?.flatten();
        let record = Record {
            pid: std::process::id(),
            api_port: free_port()?,
            registry_port: registry.as_ref().map_or(0, Registry::port),
            ready: false,
        };
        let ours = what.map_or_else(|| serde_json::json!({}), |what| what.settings(record.registry_port));
        let user_data = user_data::packed(folder.identity()?.user_data(&theirs.with(&ours)?)?)?;
        let config = MachineConfig { user_data: Some(user_data), ..configure(args, built, what, &folder, &record)? };
        let machine = Machine::start(config)?;
        folder.write_record(&record)?;
        Ok(Self { folder, machine, registry, record, had_state, _lock: lock })
    }

    /// A client of this node.
    pub(crate) fn client(&self) -> Result<Client> {
        self.folder.client_on(self.record.api_port)
    }

    /// Notes that the node serves.
    pub(crate) fn ready(&mut self) -> Result<()> {
        self.record.ready = true;
        self.folder.write_record(&self.record)
    }

    /// Waits until the node ends by itself or we are asked to stop it.
    pub(crate) fn stay(&mut self, interrupt: &Interrupt) -> Result<Option<Exit>> {
        loop {
            if let Some(exit) = self.machine.exit()? {
                return Ok(Some(exit));
            }
            if interrupt.sleep(Duration::from_millis(500)) {
                return Ok(None);
            }
        }
    }

    /// Presses the power button and waits; cuts the power if the node does not end.
    pub(crate) fn stop(mut self, show: &Show) -> Result<()> {
        show.stage("stop", "the node stops its services and switches itself off", || {
            self.machine.powerdown()?;
            if self.machine.wait_exit(STOP_LIMIT).is_err() {
                show.say(&format!("! the node did not end within {} s; its power is cut", STOP_LIMIT.as_secs()));
                self.machine.kill()?;
            }
            Ok(())
        })
    }
}

/// Whether there is state from an earlier run that is kept.
fn prepare_disk(show: &Show, args: &RunArgs, built: &BuiltImage, folder: &NodeFolder, lock: &NodeLock) -> Result<bool> {
    let image = stamp(built);
    let state = folder.disk_state(&image);
    if state == DiskState::OtherImage && !args.fresh {
        show.say("! the image has changed since this node was made; it starts anew (what it kept is gone)");
    }
    let kept = state == DiskState::Same && !args.fresh;
    if !kept {
        folder.forget(lock)?;
    }
    folder.note_image(&image)?;
    Ok(kept)
}

/// Two builds of the same root give the same disk, so the root hash names it.
fn stamp(built: &BuiltImage) -> String {
    format!("{} {}", built.manifest.variant, built.manifest.root_hash)
}

/// On the port of the last run if that is free: then nothing changes for the node.
fn start_registry(folder: &NodeFolder, what: &Workload) -> Result<Option<Registry>> {
    let images = what.images();
    if images.is_empty() {
        return Ok(None);
    }
    let last = folder.record().map_or(0, |record| record.registry_port);
    let port = if last != 0 && Loopback::is_free(last) { last } else { 0 };
    Registry::start_on(port, images).map(Some)
}

fn configure(args: &RunArgs, built: &BuiltImage, what: Option<&Workload>, folder: &NodeFolder, record: &Record) -> Result<MachineConfig> {
    let mut config = MachineConfig::new(&built.dir, folder.path());
    config.firmware = args.firmware.into();
    config.memory_mib = args.memory;
    config.cpus = args.cpus;
    config.disk_size = Some(DISK_SIZE);
    config.keep_disk = true;
    config.on_reboot = OnReboot::Restart;
    config.forwards = vec![Forward { host: record.api_port, guest: LocalIdentity::API_PORT }];
    let publish = what.map_or(args.publish.as_slice(), |what| what.publish.as_slice());
    for publish in publish {
        if !Loopback::is_free(publish.host) {
            bail!("port {} of this machine is taken; choose another with --publish HOST:NODE", publish.host);
        }
        config.forwards.push(Forward { host: publish.host, guest: publish.node });
    }
    let _ = fs::remove_file(&config.serial_log);
    Ok(config)
}
