//! The updater: what it remembers, one command at a time, and what it answers.

use crate::error::UpdateError;
use crate::fetcher::Fetcher;
use crate::identity::Identity;
use crate::patience::Patience;
use crate::places::{Places, write_whole};
use crate::progress::Progress;
use crate::repository::{Repository, now};
use crate::staged::Staged;
use ampoule_api_types::v1::UpdatePlan;
use ampoule_update::choice::{Choice, Node, VersionLock, choose, explicit, offered};
use ampoule_update::command::Refusal;
use ampoule_update::config::{self, Config};
use ampoule_update::delta::{self, Limits};
use ampoule_update::last_settings;
use ampoule_update::migrations;
use ampoule_update::record::{LastCommand, MAX_RECORD};
use ampoule_update::states::Outcome;
use ampoule_update::{Command, MAX_SEED, Record, State, Update};
use semver::Version;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Where the fetcher's socket is not the one that a test has.
const FETCHER: &str = ampoule_fetchwire::SOCKET;
/// Longest time in all that is spent on waits before the repository is asked again: metadata has up to 256 roots, and a mirror must not hold a command with each.
pub(crate) const WAITS: Duration = Duration::from_secs(5 * 60);
/// The same for a plan, whose answer somebody waits for: the API server two minutes.
const WAITS_OF_A_PLAN: Duration = Duration::from_secs(40);

/// What the boot's trial waits for, and until when.
#[derive(Clone, Debug)]
pub(crate) struct Awaited {
    pub(crate) what: Vec<String>,
    /// Nothing while it is not known yet whether this boot is a trial.
    pub(crate) until: Option<Instant>,
}

impl Awaited {
    /// Before anything was looked at: no boot is good until that is known.
    fn first_look() -> Self {
        Self { what: vec!["the first look at this boot".to_owned()], until: None }
    }
}

/// The updater.
pub(crate) struct Updater {
    pub(crate) places: Places,
    pub(crate) identity: Identity,
    pub(crate) staged: Staged,
    record: Mutex<Record>,
    /// What is kept of settings, as it is on the disk.
    last_settings: Mutex<Vec<u8>>,
    busy: Mutex<Option<&'static str>>,
    pub(crate) progress: Mutex<Arc<Progress>>,
    pub(crate) stop: Arc<AtomicBool>,
    /// Versions that the repository offered when it was last asked.
    pub(crate) offered: Mutex<Vec<String>>,
    pub(crate) awaited: Mutex<Option<Awaited>>,
    /// The version in the other slot, if any, as it was seen since the last command ended: only commands change it.
    pub(crate) other: Mutex<Option<Option<Version>>>,
}

/// While this lives, no other command runs.
pub(crate) struct Alone<'a>(&'a Updater);

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        *lock(&self.0.other) = None;
        *lock(&self.0.busy) = None;
    }
}

impl Updater {
    pub(crate) fn new(places: Places) -> Result<Self, UpdateError> {
        let identity = Identity::read(&places)?;
        let path = places.record();
        let bytes = read_or_none(&path, MAX_RECORD);
        let kept = read_or_none(&places.below(last_settings::PATH), config::MAX_CONFIG).unwrap_or_default();
        let (record, damage) = Record::read(bytes.as_deref());
        if let Some(damage) = damage {
            log::error!("{}: {damage}", path.display());
        }
        Ok(Self {
            staged: Staged::new(&places),
            last_settings: Mutex::new(kept),
            places,
            identity,
            record: Mutex::new(record),
            busy: Mutex::default(),
            progress: Mutex::default(),
            stop: Arc::default(),
            offered: Mutex::default(),
            awaited: Mutex::new(Some(Awaited::first_look())),
            other: Mutex::default(),
        })
    }

    /// What is remembered.
    pub(crate) fn record(&self) -> Record {
        lock(&self.record).clone()
    }

    /// Changes what is remembered; durable then.
    pub(crate) fn remember<T>(&self, change: impl FnOnce(&mut Record) -> T) -> Result<T, UpdateError> {
        let mut record = lock(&self.record);
        let mut changed = record.clone();
        let answer = change(&mut changed);
        let path = self.places.record();
        if changed != *record {
            write_whole(&path, changed.to_json().as_bytes()).map_err(|source| UpdateError::Io { what: "write", path, source })?;
            *record = changed;
        }
        Ok(answer)
    }

    /// What settings say; what they leave open, or all of it if the API server has not written any yet, is the default.
    pub(crate) fn config(&self) -> Result<Config, UpdateError> {
        Ok(self.settings()?.unwrap_or_default())
    }

    /// The same, but until the API server has written them this time, what they last said.
    pub(crate) fn config_of_trial(&self) -> Config {
        let settings = self.settings().unwrap_or_else(|error| {
            log::error!("{}", ampoule_report::chain(&error));
            None
        });
        settings.unwrap_or_else(|| {
            let (config, unknown) = last_settings::read(&lock(&self.last_settings));
            if !unknown.is_empty() {
                log::warn!("checks of the settings that this version does not know: {}", unknown.join(", "));
            }
            config
        })
    }

    fn settings(&self) -> Result<Option<Config>, UpdateError> {
        let path = self.places.below(config::PATH);
        let bytes =
            ampoule_files::read(&path, config::MAX_CONFIG as u64).map_err(|source| UpdateError::Io { what: "read", path, source })?;
        let Some(bytes) = bytes else { return Ok(None) };
        let config = Config::parse(&bytes)?;
        self.keep(&config);
        Ok(Some(config))
    }

    /// A trial without an API server has no other settings. Where they cannot be kept it has the default, which is no reason to stop.
    fn keep(&self, config: &Config) {
        let (text, mut kept) = (last_settings::to_json(config), lock(&self.last_settings));
        if *kept == text.as_bytes() {
            return;
        }
        let path = self.places.below(last_settings::PATH);
        match write_whole(&path, text.as_bytes()) {
            Ok(()) => *kept = text.into_bytes(),
            Err(error) => log::error!("{}: {error}", path.display()),
        }
    }

    /// Who asks servers; all waits before it asks one again are `waits` long at most.
    pub(crate) fn fetcher(&self, config: &Config, waits: Duration) -> Fetcher {
        let patience = Patience {
            // As long as settings have no seed, one that no other node has.
            seed: config.seed.unwrap_or_else(random),
            stop: Arc::clone(&self.stop),
            left: Arc::new(Mutex::new(waits)),
        };
        Fetcher { socket: self.places.below(FETCHER), proxy: config.proxy.clone(), no_proxy: config.no_proxy.join(","), patience }
    }

    /// The command that runs.
    pub(crate) fn runs(&self) -> Option<&'static str> {
        *lock(&self.busy)
    }

    /// Begins something that must be alone.
    pub(crate) fn alone(&self, what: &'static str) -> Result<Alone<'_>, UpdateError> {
        let mut busy = lock(&self.busy);
        if let Some(other) = *busy {
            return Err(UpdateError::Busy(other));
        }
        *busy = Some(what);
        self.stop.store(false, Ordering::Relaxed);
        *lock(&self.progress) = Arc::default();
        Ok(Alone(self))
    }

    /// Begins a command, if the state takes it.
    pub(crate) fn begin(&self, command: Command) -> Result<Alone<'_>, UpdateError> {
        let alone = self.alone(word(command))?;
        self.record().state.permit(command)?;
        self.remember(|record| {
            record.state = record.state.begun(command);
            let at = record.moment_of_command(now());
            record.last_command = Some(LastCommand { command: command.to_string(), success: None, at, message: String::new() });
        })?;
        Ok(alone)
    }

    /// Carries a command out that has begun, and remembers how it ended.
    pub(crate) fn carry_out(&self, command: Command) -> Result<(), UpdateError> {
        let done = match command {
            Command::Refresh => self.refresh(),
            Command::Prepare => self.prepare().map(|()| true),
            Command::Activate => self.activate().map(|()| true),
            Command::Deactivate => self.deactivate().map(|()| true),
        };
        let message = done.as_ref().err().map(|error| self.refusal(error).in_words()).unwrap_or_default();
        if !message.is_empty() {
            log::error!("{command}: {message}");
        }
        let outcome = done.as_ref().map_or(Outcome::Failed, |offered| Outcome::Done { offered: *offered });
        let kept = self.remember(|record| {
            record.state = record.state.ended(command, outcome);
            let begun = record.last_command.as_ref().map(|last| last.at);
            let at = begun.unwrap_or_default().max(now());
            record.last_command = Some(LastCommand { command: command.to_string(), success: Some(done.is_ok()), at, message });
        });
        done.map(drop).and(kept)
    }

    /// Asks the repository; whether there is an update to take.
    fn refresh(&self) -> Result<bool, UpdateError> {
        self.progress().begin("asking the repository");
        let config = self.config()?;
        let manifest = self.repository(&config, WAITS)?.manifest()?;
        let node = self.node(&config)?;
        *lock(&self.offered) = offered(&manifest, &node).iter().map(|update| update.version.to_string()).collect();
        let record = self.record();
        let chosen = match choose(&manifest, &node, &record) {
            Choice::Take(update) => Some(update.clone()),
            Choice::Wait { update, until } => {
                log::info!("version {} is for this node from {until} on", update.version);
                None
            }
            Choice::Nothing(reason) => {
                log::info!("no update: {reason}");
                None
            }
        };
        let offered = chosen.is_some();
        // What is in the idle slot, or on its way to the next boot, stays what it is.
        if matches!(record.state, State::Idle | State::Available) {
            let to = chosen.as_ref().map(|update| &update.version);
            let migrations = to.map(|to| migrations::between(&manifest.migrations, &self.identity.version, to)).unwrap_or_default();
            self.remember(|record| (record.chosen, record.migrations) = (chosen, migrations))?;
        }
        Ok(offered)
    }

    pub(crate) fn repository(&self, config: &Config, waits: Duration) -> Result<Repository, UpdateError> {
        Ok(Repository::load(config, &self.fetcher(config, waits), &self.places.trust(), &self.places.cache().join("metadata"))?)
    }

    /// The chosen update, as the repository has it now.
    pub(crate) fn chosen(&self, config: &Config, repository: &Repository) -> Result<Update, UpdateError> {
        let record = self.record();
        let chosen = record.chosen.as_ref().ok_or_else(|| UpdateError::NoUpdate("no update is known; refresh first".to_owned()))?;
        let manifest = repository.manifest()?;
        match explicit(&manifest, &self.node(config)?, &record, &chosen.version) {
            Choice::Take(update) if update.root_hash == chosen.root_hash => Ok(update.clone()),
            Choice::Take(_) => Err(UpdateError::NoUpdate(format!("version {} is another image now; refresh first", chosen.version))),
            Choice::Wait { until, .. } => {
                Err(UpdateError::NoUpdate(format!("version {} is for this node from {until} on", chosen.version)))
            }
            Choice::Nothing(reason) => Err(UpdateError::NoUpdate(reason.to_string())),
        }
    }

    fn node(&self, config: &Config) -> Result<Node<'_>, UpdateError> {
        let Identity { version, variant, arch, root_hash, .. } = &self.identity;
        let lock: VersionLock = config.version_lock.parse().map_err(|error| UpdateError::Lock(format!("{error}")))?;
        let seed = config.seed.unwrap_or(MAX_SEED - 1);
        Ok(Node { variant, arch, version, root_hash: *root_hash, seed, lock, ignore_waves: config.ignore_waves, now: now() })
    }

    /// What the chosen update would cost.
    pub(crate) fn plan(&self) -> Result<UpdatePlan, UpdateError> {
        let _alone = self.alone("plan")?;
        let record = self.record();
        let chosen = record.chosen.as_ref().ok_or_else(|| UpdateError::NoUpdate("no update is known; refresh first".to_owned()))?;
        self.has_slot_for(chosen)?;
        let (tree, tree_bytes) = match self.staged.kept_tree(chosen) {
            Some(tree) => (tree, 0),
            None => {
                let config = self.config()?;
                let repository = self.repository(&config, WAITS_OF_A_PLAN)?;
                (self.staged.tree(&self.chosen(&config, &repository)?, &repository)?, chosen.size.hash)
            }
        };
        let kernel = self.running_kernel(chosen).map_or(0, |kernel| kernel.length());
        let plan = delta::plan(&tree, &self.index_of_running(), &self.staged.done(chosen), Limits::default());
        Ok(UpdatePlan {
            from: self.identity.version.to_string(),
            to: chosen.version.to_string(),
            fetch_bytes: plan.bytes_to_fetch() + tree_bytes + chosen.size.boot - kernel + chosen.size.loader,
            reuse_bytes: (plan.copied() + plan.kept()) * ampoule_layout::BLOCK_SIZE + kernel,
            requests: plan.ranges.len() as u64,
            reboot: true,
            migrations: record.migrations.clone(),
            workloads: Vec::new(),
        })
    }

    /// An error as it is told to who asked.
    pub(crate) fn refusal(&self, error: &UpdateError) -> Refusal {
        error.refusal(|| self.config().unwrap_or_default().tries_again())
    }

    pub(crate) fn progress(&self) -> Arc<Progress> {
        lock(&self.progress).clone()
    }

    /// Forgets that a version was bad.
    pub(crate) fn forgive(&self, version: &str) -> Result<(), UpdateError> {
        let unknown = || UpdateError::NotFound(format!("version {version} is not among the bad ones"));
        let parsed = ampoule_update::choice::parse_version(version).ok_or_else(unknown)?;
        match self.remember(|record| record.forgive(Some(&parsed)))? {
            0 => Err(unknown()),
            _ => Ok(()),
        }
    }
}

fn read_or_none(path: &Path, most: usize) -> Option<Vec<u8>> {
    ampoule_files::read(path, most as u64).unwrap_or_else(|error| {
        log::error!("{}: {error}", path.display());
        None
    })
}

/// A number that nobody else has drawn.
pub(crate) fn random() -> u32 {
    let mut bytes = [0; 4];
    // Without a random number it is the smallest one: waits are the shortest.
    let _ = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    u32::from_le_bytes(bytes)
}

/// The word for a command that the API uses.
fn word(command: Command) -> &'static str {
    match command {
        Command::Refresh => "refresh",
        Command::Prepare => "prepare",
        Command::Activate => "activate",
        Command::Deactivate => "deactivate",
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
