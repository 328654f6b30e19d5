//! What a node shall be, before it is started.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use ampoule_machine::{Boot, Firmware, Forward, LocalIdentity, MachineConfig, free_port};
use anyhow::{Context as _, Result, ensure};
use toml::{Table, Value};

use super::Node;

/// Room for what cases pull and unpack, as `./ampoule run` gives; a sparse file. The node grows DATA to it at its first boot.
const DISK_SIZE: u64 = 8 << 30;

/// A node to be. Made by [`crate::Context::node`].
pub(crate) struct NodePlan {
    image: PathBuf,
    folder: PathBuf,
    firmware: Firmware,
    memory_mib: u32,
    ports: Vec<u16>,
    settings: Table,
    raw_user_data: Option<Vec<u8>>,
    zips_user_data: bool,
    arguments: Vec<String>,
    write_log: Option<PathBuf>,
    read_only_variables: bool,
    disk: Option<PathBuf>,
    identity: PathBuf,
    is_attacked: bool,
}

impl NodePlan {
    pub(crate) fn new(image: PathBuf, folder: PathBuf) -> Self {
        Self {
            image,
            identity: folder.join("identity"),
            folder,
            firmware: Firmware::Direct,
            memory_mib: 1024,
            ports: Vec::new(),
            settings: Table::new(),
            raw_user_data: None,
            zips_user_data: false,
            arguments: Vec::new(),
            write_log: None,
            read_only_variables: false,
            disk: None,
            is_attacked: false,
        }
    }

    /// Its own programs are made to do what they may not, and are refused it.
    pub(crate) fn attacked(mut self) -> Self {
        self.is_attacked = true;
        self
    }

    /// Boots as real hardware does: firmware, boot loader, unified kernel image.
    pub(crate) fn through_firmware(mut self) -> Self {
        self.firmware = Firmware::Uefi;
        self
    }

    /// The firmware's variables cannot be written.
    pub(crate) fn with_read_only_variables(mut self) -> Self {
        self.read_only_variables = true;
        self
    }

    /// Boots another image: one a test has broken.
    pub(crate) fn of_image(mut self, image: PathBuf) -> Self {
        self.image = image;
        self
    }

    /// Makes a port of the node reachable from the test.
    pub(crate) fn opening(mut self, port: u16) -> Self {
        self.ports.push(port);
        self
    }

    /// Settings (TOML without the outer `settings`) given as user data.
    pub(crate) fn with_settings(mut self, text: &str) -> Self {
        let table: Table = text.parse().unwrap_or_else(|error| panic!("test settings: {error}"));
        merge(&mut self.settings, table);
        self
    }

    /// Allows plain HTTP to a registry of the test's own.
    pub(crate) fn trusting_registry(self, address: &str) -> Self {
        self.with_settings(&format!("[container-registry]\nplain-http = [\"{address}\"]\n"))
    }

    /// User data as it is, right or wrong. The node's API is then not opened to the test.
    pub(crate) fn with_raw_user_data(mut self, bytes: &[u8]) -> Self {
        self.raw_user_data = Some(bytes.to_owned());
        self
    }

    /// Hands the settings over as gzip.
    pub(crate) fn with_zipped_user_data(mut self) -> Self {
        self.zips_user_data = true;
        self
    }

    /// What the machine's own clock shows when it is switched on (`YYYY-MM-DD`, midnight in UTC); else the host's time.
    pub(crate) fn with_clock(self, day: &str) -> Self {
        self.with_machine_arguments(clock_arguments(day))
    }

    /// More words for QEMU: devices and what the firmware hands over.
    pub(crate) fn with_machine_arguments(mut self, words: impl IntoIterator<Item = String>) -> Self {
        self.arguments.extend(words);
        self
    }

    /// A watchdog in its hardware, which resets it.
    pub(crate) fn with_watchdog(self) -> Self {
        self.with_machine_arguments(["-device", "i6300esb", "-action", "watchdog=reset"].map(str::to_owned))
    }

    /// Records all writes and flushes of its disk, for [`super::WriteLog`].
    pub(crate) fn recording_writes(mut self, log: PathBuf) -> Self {
        self.write_log = Some(log);
        self
    }

    /// Begins with this disk, which a node with the certificates in `identity` left.
    pub(crate) fn beginning_with(mut self, disk: PathBuf, identity: PathBuf) -> Self {
        (self.disk, self.identity) = (Some(disk), identity);
        self
    }

    /// Switches it on.
    pub(crate) fn start(self) -> Result<Node> {
        let identity = LocalIdentity::open_or_create(&self.identity)?;
        let mut config = MachineConfig::with_boot(self.boot()?, &self.folder);
        config.firmware = self.firmware;
        config.memory_mib = self.memory_mib;
        config.disk_size = Some(DISK_SIZE);
        config.user_data = Some(match &self.raw_user_data {
            Some(bytes) => bytes.clone(),
            None if self.zips_user_data => zipped(&self.folder.join("user-data"), &identity.user_data(&self.user_data())?)?,
            None => identity.user_data(&self.user_data())?,
        });
        config.forwards = self.forwards()?;
        config.extra_args.extend(self.arguments);
        config.write_log = self.write_log;
        config.read_only_variables = self.read_only_variables;
        Node::start(config, identity, self.is_attacked)
    }

    fn boot(&self) -> Result<Boot> {
        let Some(disk) = &self.disk else { return Ok(Boot::Image(self.image.clone())) };
        // Firmware finds kernel and command line on the disk.
        let cmdline = match self.firmware {
            Firmware::Direct => fs::read_to_string(self.image.join("cmdline")).context("the image's command line")?,
            Firmware::Uefi => String::new(),
        };
        Ok(Boot::Custom { disk: disk.clone(), kernel: self.image.join("vmlinuz"), initrd: None, cmdline })
    }

    fn user_data(&self) -> String {
        let top = Table::from_iter([("settings".to_owned(), Value::Table(self.settings.clone()))]);
        top.to_string()
    }

    fn forwards(&self) -> Result<Vec<Forward>> {
        let guests = self.ports.iter().chain([&LocalIdentity::API_PORT]);
        guests.map(|guest| Ok(Forward { host: free_port()?, guest: *guest })).collect()
    }
}

/// QEMU's way of setting the machine's clock. Of several the last counts.
pub(super) fn clock_arguments(day: &str) -> Vec<String> {
    vec!["-rtc".into(), format!("base={day}T00:00:00")]
}

/// As gzip, by way of a file.
fn zipped(path: &Path, bytes: &[u8]) -> Result<Vec<u8>> {
    fs::write(path, bytes)?;
    let output = Command::new("gzip").arg("-c").arg(path).output().context("gzip")?;
    ensure!(output.status.success() && output.stdout.starts_with(&[0x1f, 0x8b]), "gzip made no gzip");
    Ok(output.stdout)
}

fn merge(into: &mut Table, from: Table) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Table(into)), Value::Table(from)) => merge(into, from),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}
