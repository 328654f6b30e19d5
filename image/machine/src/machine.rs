//! The life of one virtual machine.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::private_file;
use crate::{
    Boot, Forward, MachineConfig,
    command::{Files, FirmwareFiles, Kernel, NETWORK_CARD, arguments, boots_directly},
    create_overlay, image_disk, last_lines,
    qmp::{Event, Qmp},
};

/// How often a waiting loop looks again.
const POLL: Duration = Duration::from_millis(50);

/// How a machine ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The guest switched itself off.
    PowerOff,
    /// The guest restarted and [`crate::OnReboot::Exit`] was set.
    Reboot,
    /// We cut its power.
    Killed,
    /// QEMU itself failed: nothing is known about the guest. `qemu.log` in the work folder says more.
    EmulatorDied,
}

/// A running virtual machine. Dropping it cuts its power.
///
/// QEMU also ends when the *thread* that called [`Machine::start`] ends (that is how the kernel ties a child to its
/// parent), so start it from a thread that lives as long as the machine shall.
pub struct Machine {
    config: MachineConfig,
    child: Child,
    qmp: Qmp,
    killed: bool,
    _sockets: TempDir,
}

impl Machine {
    /// Starts QEMU. Returns as soon as it runs; the guest is only beginning to boot.
    pub fn start(config: MachineConfig) -> Result<Self> {
        fs::create_dir_all(&config.workdir).with_context(|| format!("cannot make the folder {}", config.workdir.display()))?;
        // Socket paths are limited to about a hundred bytes, so they do not live in the work folder.
        let sockets = tempfile::Builder::new().prefix("ampoule-").tempdir().context("no temporary folder")?;
        let files = prepare(&config, sockets.path())?;
        let mut child = spawn(&config, &files)?;
        let qmp = Qmp::connect(&files.qmp_socket, Duration::from_secs(30), || ended(&mut child));
        match qmp {
            Ok(qmp) => Ok(Self { config, child, qmp, killed: false, _sockets: sockets }),
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(error.context(format!("QEMU did not start:\n{}", emulator_log(&config))))
            }
        }
    }

    /// What the machine was made from.
    pub fn config(&self) -> &MachineConfig {
        &self.config
    }

    /// Process id of QEMU.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The host's port that leads to `guest`.
    pub fn host_port(&self, guest: u16) -> Option<u16> {
        let leads = |forward: &&Forward| forward.guest == guest;
        self.config.forwards.iter().find(leads).map(|forward| forward.host)
    }

    /// Whether QEMU runs.
    pub fn alive(&mut self) -> bool {
        !ended(&mut self.child)
    }

    /// Presses the power button; the guest decides what it does.
    pub fn powerdown(&mut self) -> Result<()> {
        self.qmp.execute("system_powerdown", Value::Null).map(drop)
    }

    /// Presses the reset button.
    pub fn reset(&mut self) -> Result<()> {
        self.qmp.execute("system_reset", Value::Null).map(drop)
    }

    /// Cuts the power: the guest gets no chance to write anything more.
    pub fn kill(&mut self) -> Result<()> {
        self.killed = true;
        self.child.kill().context("cannot end QEMU")?;
        self.child.wait().context("cannot wait for QEMU").map(drop)
    }

    /// Pulls (`false`) or puts in (`true`) the network cable.
    pub fn set_link(&mut self, up: bool) -> Result<()> {
        self.qmp.execute("set_link", json!({ "name": NETWORK_CARD, "up": up })).map(drop)
    }

    /// Plugs in a device, in QEMU's words (`driver`, `id`, `bus`, …); the guest finds it if it can.
    pub fn plug_in(&mut self, device: Value) -> Result<()> {
        self.qmp.execute("device_add", device).map(drop)
    }

    /// Asks the guest to let go of a device. It is there until the guest did, see [`Machine::has_device`].
    pub fn pull_out(&mut self, id: &str) -> Result<()> {
        self.qmp.execute("device_del", json!({ "id": id })).map(drop)
    }

    /// Whether a device of this `id` is plugged in.
    pub fn has_device(&mut self, id: &str) -> Result<bool> {
        let devices = self.qmp.execute("qom-list", json!({ "path": "/machine/peripheral" }))?;
        Ok(devices.as_array().is_some_and(|all| all.iter().any(|device| device["name"] == id)))
    }

    /// Any other QMP command, for what has no function here.
    pub fn qmp(&mut self, command: &str, arguments: Value) -> Result<Value> {
        self.qmp.execute(command, arguments)
    }

    /// Waits until QEMU ends.
    pub fn wait_exit(&mut self, limit: Duration) -> Result<Exit> {
        let start = Instant::now();
        loop {
            if let Some(exit) = self.exit()? {
                return Ok(exit);
            }
            if start.elapsed() > limit {
                bail!("the machine still runs after {} s", limit.as_secs());
            }
            thread::sleep(POLL);
        }
    }

    /// How it ended, if it did.
    pub fn exit(&mut self) -> Result<Option<Exit>> {
        let status = self.child.try_wait().context("cannot wait for QEMU")?;
        Ok(status.map(|status| {
            // QEMU tells the reason just before it ends; give the reading thread time to take it.
            thread::sleep(POLL);
            classify(status, self.killed, &self.qmp.events())
        }))
    }

    /// Everything the console has shown, including earlier starts that used the same log.
    pub fn serial(&self) -> String {
        fs::read(&self.config.serial_log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// Whether the guest's kernel has given up: told by the panic device, or seen on the console.
    pub fn panicked(&self) -> bool {
        self.qmp.events().iter().any(|event| event.name == "GUEST_PANICKED") || self.serial().contains("Kernel panic - not syncing")
    }

    /// How many times the guest has restarted itself or was reset.
    pub fn restarts(&self) -> usize {
        self.qmp.events().iter().filter(|event| event.name == "RESET").count()
    }

    /// Waits until the console shows `text`. Fails at once when the machine ends.
    pub fn wait_serial(&mut self, text: &str, limit: Duration) -> Result<()> {
        let start = Instant::now();
        while !self.serial().contains(text) {
            if !self.alive() {
                bail!("the machine ended before its console showed {text:?}:\n{}", self.describe_end());
            }
            if start.elapsed() > limit {
                bail!("no {text:?} on the console within {} s:\n{}", limit.as_secs(), self.describe_end());
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// The last console lines, and QEMU's own words if it has any; for messages.
    pub fn describe_end(&self) -> String {
        let emulator = emulator_log(&self.config);
        let console = last_lines(&self.serial(), 25);
        let path = self.config.serial_log.display();
        format!("{console}\n{emulator}\n(console log: {path})")
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ended(child: &mut Child) -> bool {
    !matches!(child.try_wait(), Ok(None))
}

/// Why QEMU ended, from its exit status and what it told before.
fn classify(status: ExitStatus, killed: bool, events: &[Event]) -> Exit {
    if killed {
        return Exit::Killed;
    }
    let shutdown = events.iter().rev().find(|event| event.name == "SHUTDOWN");
    match shutdown.and_then(|event| event.data["reason"].as_str()) {
        Some("guest-reset" | "host-qmp-system-reset") => Exit::Reboot,
        Some("guest-shutdown") => Exit::PowerOff,
        _ if status.success() && shutdown.is_some() => Exit::PowerOff,
        _ => Exit::EmulatorDied,
    }
}

fn prepare(config: &MachineConfig, sockets: &Path) -> Result<Files> {
    let disk = match &config.boot {
        Boot::Image(dir) => image_disk(dir)?,
        Boot::Custom { disk, .. } => disk.clone(),
    };
    if !(config.keep_disk && config.overlay().is_file()) {
        create_overlay(&disk, &config.overlay(), config.disk_size)?;
    }
    if let Some(log) = &config.write_log {
        fs::File::create(log).with_context(|| format!("cannot make {}", log.display()))?;
    }
    let direct = boots_directly(config);
    Ok(Files {
        qmp_socket: sockets.join("qmp"),
        user_data: config.user_data.as_ref().map(|data| write_user_data(config, data)).transpose()?,
        kernel: direct.then(|| kernel(config)).transpose()?,
        firmware: (!direct).then(|| firmware(config)).transpose()?,
    })
}

/// User data holds the node's private key, so the file is ours alone.
fn write_user_data(config: &MachineConfig, data: &[u8]) -> Result<PathBuf> {
    let path = config.workdir.join("user-data");
    private_file::write(&path, data)?;
    Ok(path)
}

fn kernel(config: &MachineConfig) -> Result<Kernel> {
    let (image, initrd, base) = match &config.boot {
        Boot::Image(dir) => {
            let path = dir.join("cmdline");
            let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            (dir.join("vmlinuz"), None, text)
        }
        Boot::Custom { kernel, initrd, cmdline, .. } => (kernel.clone(), initrd.clone(), cmdline.clone()),
    };
    let cmdline = format!("{} {}", base.trim(), config.extra_cmdline).trim().to_owned();
    Ok(Kernel { image, initrd, cmdline })
}

/// OVMF as Debian installs it; the newer 4 MiB build where there is one.
fn firmware(config: &MachineConfig) -> Result<FirmwareFiles> {
    let found = [("OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd"), ("OVMF_CODE.fd", "OVMF_VARS.fd")]
        .map(|(code, vars)| (Path::new("/usr/share/OVMF").join(code), Path::new("/usr/share/OVMF").join(vars)))
        .into_iter()
        .find(|(code, vars)| code.is_file() && vars.is_file());
    let Some((code, template)) = found else {
        bail!("no UEFI firmware in /usr/share/OVMF (Debian package ovmf)");
    };
    let vars = config.workdir.join("firmware-vars.fd");
    if !(config.keep_disk && vars.is_file()) {
        fs::copy(&template, &vars).with_context(|| format!("cannot write {}", vars.display()))?;
    }
    Ok(FirmwareFiles { code, vars })
}

/// QEMU ends with us even if we are killed: `setpriv` asks the kernel for that before it becomes QEMU.
fn spawn(config: &MachineConfig, files: &Files) -> Result<Child> {
    let log = File::create(config.workdir.join("qemu.log")).context("cannot write qemu.log")?;
    let second = log.try_clone().context("cannot share qemu.log")?;
    Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "--", "qemu-system-x86_64"])
        .args(arguments(config, files))
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(second)
        // A Ctrl-C in the terminal is for us; the guest is stopped in order, not shot.
        .process_group_of_its_own()
        .spawn()
        .context("cannot run setpriv and qemu-system-x86_64 (Debian packages util-linux and qemu-system-x86)")
}

trait OwnGroup {
    fn process_group_of_its_own(&mut self) -> &mut Self;
}

impl OwnGroup for Command {
    fn process_group_of_its_own(&mut self) -> &mut Self {
        std::os::unix::process::CommandExt::process_group(self, 0)
    }
}

fn emulator_log(config: &MachineConfig) -> String {
    let text = fs::read_to_string(config.workdir.join("qemu.log")).unwrap_or_default();
    last_lines(&text, 8)
}
