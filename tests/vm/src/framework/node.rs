//! A running node, in the words of a test.

use std::{fmt, fs, path::Path, time::Duration};

use ampoule_api_client::{Client, LogQuery, Method};
use ampoule_api_types::{
    OsInfo, Role,
    v1::{LogRecord, ServiceStatus, WorkloadState, WorkloadStatus},
};
use ampoule_machine::{Exit, LocalIdentity, Machine, MachineConfig};
use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use super::{disk::Partition, eventually, plan::clock_arguments, within};

/// A direct boot takes 5 s alone under emulation, and others run beside it; firmware takes three times as long.
const BOOT_LIMIT: Duration = within(120);

/// A node. Dropping it cuts its power.
pub(crate) struct Node {
    machine: Machine,
    identity: LocalIdentity,
    /// Programs of the node are made to do what they may not.
    is_attacked: bool,
}

/// The emulator died: nothing is known about the node, and a second try is fair.
#[derive(Debug)]
pub(crate) struct NodeFailure;

impl fmt::Display for NodeFailure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the emulator itself failed")
    }
}

impl Node {
    pub(crate) fn start(config: MachineConfig, identity: LocalIdentity, is_attacked: bool) -> Result<Self> {
        let machine = Machine::start(config).context(NodeFailure)?;
        Ok(Self { machine, identity, is_attacked })
    }

    /// A client with all rights.
    pub(crate) fn client(&self) -> Result<Client> {
        self.client_as(Role::Admin)
    }

    /// A client with the rights of `role`.
    pub(crate) fn client_as(&self, role: Role) -> Result<Client> {
        let port = self.port(LocalIdentity::API_PORT)?;
        let files = self.identity.client(role);
        let read = |path: &Path| fs::read(path).with_context(|| path.display().to_string());
        let client = Client::tls(
            &format!("127.0.0.1:{port}"),
            self.identity.server_name(),
            &read(&files.ca)?,
            &read(&files.certificate)?,
            &read(&files.key)?,
        )?;
        Ok(client)
    }

    /// The test's port that leads to the node's `port`.
    pub(crate) fn port(&self, port: u16) -> Result<u16> {
        self.machine.host_port(port).with_context(|| format!("the plan did not open port {port}"))
    }

    /// Waits until the API answers; the node's own words about what it is.
    pub(crate) fn boots(&mut self) -> Result<OsInfo> {
        let client = self.client()?.with_timeout(within(10));
        self.eventually("the API answers", BOOT_LIMIT, |_| Ok(client.os()?))
    }

    /// Like [`eventually`], but gives up at once when the machine has ended, and adds the console's end.
    pub(crate) fn eventually<T>(&mut self, what: &str, limit: Duration, mut attempt: impl FnMut(&mut Self) -> Result<T>) -> Result<T> {
        let mut dead = None;
        let outcome = eventually(what, limit, || match self.machine.exit()? {
            Some(exit) => {
                dead = Some(exit);
                Ok(None)
            }
            None => attempt(self).map(Some),
        });
        match outcome {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err(self.died(what, dead)),
            Err(error) => Err(error.context(self.machine.describe_end())),
        }
    }

    fn died(&self, what: &str, exit: Option<Exit>) -> anyhow::Error {
        let error = anyhow::anyhow!("the machine ended ({exit:?}) while waiting: {what}").context(self.machine.describe_end());
        match exit {
            Some(Exit::EmulatorDied) => error.context(NodeFailure),
            _ => error,
        }
    }

    /// Changes settings and waits until they are applied. `json` has no outer `settings`.
    pub(crate) fn set(&self, json: Value) -> Result<()> {
        self.client()?.change_settings(&json)?;
        Ok(())
    }

    /// What the API says about one workload.
    pub(crate) fn workload(&self, name: &str) -> Result<WorkloadStatus> {
        let workloads = self.client()?.workloads()?.workloads;
        let found = workloads.into_iter().find(|workload| workload.name == name);
        found.with_context(|| format!("the node knows no workload {name:?}"))
    }

    /// Waits until a workload is in `state`.
    pub(crate) fn workload_gets(&mut self, name: &str, state: WorkloadState, limit: Duration) -> Result<WorkloadStatus> {
        let what = format!("workload {name} gets {state}");
        self.eventually(&what, limit, |node| {
            let facts = node.workload(name)?;
            ensure!(facts.state == state, "it is {}: {:?}", facts.state, facts.message);
            Ok(facts)
        })
    }

    /// Waits until a workload runs. Pulling an image of a real program takes most of the limit under emulation.
    pub(crate) fn runs(&mut self, name: &str) -> Result<WorkloadStatus> {
        self.workload_gets(name, WorkloadState::Running, within(300))
    }

    /// What the API says about one service.
    pub(crate) fn service(&self, name: &str) -> Result<ServiceStatus> {
        let services = self.client()?.services()?.services;
        let found = services.into_iter().find(|service| service.name == name);
        found.with_context(|| format!("the node knows no service {name:?}"))
    }

    /// The newest log lines of one source.
    pub(crate) fn log_of(&self, source: &str) -> Result<Vec<LogRecord>> {
        let query = LogQuery { sources: vec![source.to_owned()], tail: Some(2000), ..LogQuery::default() };
        let lines = self.client()?.logs(&query)?;
        lines.map(|line| Ok(serde_json::from_str(&line?)?)).collect()
    }

    /// Waits until a source of the log says `text`; all its lines.
    pub(crate) fn says(&mut self, source: &str, text: &str, limit: Duration) -> Result<Vec<String>> {
        self.eventually(&format!("{source} says {text}"), limit, |node| {
            let lines: Vec<String> = node.log_of(source)?.into_iter().map(|line| line.text).collect();
            ensure!(lines.iter().any(|line| line == text), "it said {lines:#?}");
            Ok(lines)
        })
    }

    /// Everything the console has shown since the first start.
    pub(crate) fn console(&self) -> String {
        self.machine.serial()
    }

    /// Waits until the console shows `text`.
    pub(crate) fn shows(&mut self, text: &str, limit: Duration) -> Result<()> {
        self.machine.wait_serial(text, limit)
    }

    /// Asks over the API for a restart and waits until the node is back.
    pub(crate) fn reboots(&mut self) -> Result<()> {
        self.was_refused_nothing()?;
        let before = self.machine.restarts();
        self.client()?.reboot()?;
        self.eventually("the machine restarts", within(60), |node| {
            ensure!(node.machine.restarts() > before, "it has not yet");
            Ok(())
        })?;
        self.boots().map(drop)
    }

    /// How many times the machine has restarted since it was switched on.
    pub(crate) fn restarts(&self) -> usize {
        self.machine.restarts()
    }

    /// Interrupts the processors in a way that cannot be masked, as a button on some machines does.
    pub(crate) fn is_interrupted(&mut self) -> Result<()> {
        self.machine.qmp("inject-nmi", Value::Null).map(drop)
    }

    /// Presses the power button and waits until the node has switched itself off.
    pub(crate) fn stops_at_the_power_button(&mut self) -> Result<()> {
        self.was_refused_nothing()?;
        self.machine.powerdown()?;
        self.switches_itself_off()
    }

    /// Asks over the API for the end and waits until the node has switched itself off.
    pub(crate) fn powers_off_by_api(&mut self) -> Result<()> {
        self.was_refused_nothing()?;
        self.client()?.call(Method::Post, "/v1/poweroff", None)?;
        self.switches_itself_off()
    }

    /// What programs of the node need, the policy lets them do: whatever a node went through, it refused them nothing. Workloads may try what they
    /// like. A node that does not answer is not asked.
    fn was_refused_nothing(&self) -> Result<()> {
        if self.is_attacked {
            return Ok(());
        }
        let denials = self.client()?.with_timeout(within(10)).denials().map(|list| list.denials).unwrap_or_default();
        let own: Vec<_> = denials.iter().filter(|denial| denial.domain.as_deref() != Some("container_t")).collect();
        ensure!(own.is_empty(), "the node refused its own programs: {own:#?}");
        Ok(())
    }

    fn switches_itself_off(&mut self) -> Result<()> {
        match self.machine.wait_exit(within(60)) {
            Ok(Exit::PowerOff) => Ok(()),
            Ok(other) => bail!("it ended otherwise: {other:?}\n{}", self.machine.describe_end()),
            Err(error) => Err(error.context(self.machine.describe_end())),
        }
    }

    /// Cuts the power in mid-flight.
    pub(crate) fn loses_power(&mut self) -> Result<()> {
        self.machine.kill()
    }

    /// Starts the machine again with the disk it has.
    pub(crate) fn starts_again(self) -> Result<Self> {
        let config = self.machine.config().clone();
        self.starts_as(config)
    }

    /// Like [`Node::starts_again`], with more words for QEMU: of a device it did not have before.
    pub(crate) fn starts_again_with(self, words: impl IntoIterator<Item = String>) -> Result<Self> {
        let mut config = self.machine.config().clone();
        config.extra_args.extend(words);
        self.starts_as(config)
    }

    /// Like [`Node::starts_again`]; the machine's own clock shows `day`.
    pub(crate) fn starts_again_with_clock(self, day: &str) -> Result<Self> {
        self.starts_again_with(clock_arguments(day))
    }

    /// Like [`Node::starts_again`]; the machine is handed these settings (TOML without the outer `settings`) as its user data.
    pub(crate) fn starts_again_with_settings(self, text: &str) -> Result<Self> {
        let mut config = self.machine.config().clone();
        let top = toml::Table::from_iter([("settings".to_owned(), toml::Value::Table(text.parse()?))]);
        config.user_data = Some(self.identity.user_data(&top.to_string())?);
        self.starts_as(config)
    }

    /// Takes a partition out of the disk of a node that is switched off, lets `change` change it, and puts it back.
    pub(crate) fn changes_partition(&self, name: &str, change: impl FnOnce(&Partition) -> Result<()>) -> Result<()> {
        let partition = Partition::take_out(&self.machine.config().overlay(), name)?;
        change(&partition)?;
        partition.put_back()
    }

    /// The same with the first MiB of it alone.
    pub(crate) fn changes_head_of_partition(&self, name: &str, change: impl FnOnce(&Partition) -> Result<()>) -> Result<()> {
        let partition = Partition::take_out_head(&self.machine.config().overlay(), name)?;
        change(&partition)?;
        partition.put_back()
    }

    fn starts_as(self, mut config: MachineConfig) -> Result<Self> {
        config.keep_disk = true;
        drop(self.machine);
        Self::start(config, self.identity, self.is_attacked)
    }

    /// Waits until the kernel has given up.
    pub(crate) fn panics(&mut self, limit: Duration) -> Result<()> {
        let seen = eventually("the kernel panics", limit, || {
            ensure!(self.machine.panicked(), "it has not yet");
            Ok(())
        });
        seen.map_err(|error| error.context(self.machine.describe_end()))
    }

    /// A device, in QEMU's words, is plugged in while the node runs.
    pub(crate) fn is_given(&mut self, device: Value) -> Result<()> {
        self.machine.plug_in(device)
    }

    /// Is asked to let go of a device, as before somebody takes it out, and does.
    pub(crate) fn lets_go_of(&mut self, id: &str) -> Result<()> {
        self.machine.pull_out(id)?;
        self.eventually(&format!("the node lets go of {id}"), within(60), |node| {
            ensure!(!node.machine.has_device(id)?, "it still holds it");
            Ok(())
        })
    }

    /// Pulls the network cable or puts it back.
    pub(crate) fn cable(&mut self, plugged: bool) -> Result<()> {
        self.machine.set_link(plugged)
    }
}
