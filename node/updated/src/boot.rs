//! Is this boot good? Looked at from the start of the updater on, until it is known.

use crate::error::UpdateError;
use crate::esp::BootPartition;
use crate::health;
use crate::repository::now;
use crate::updater::{Awaited, Updater, lock};
use ampoule_update::State;
use ampoule_update::config::Config;
use ampoule_update::gates::{Gates, Verdict, Watch};
use ampoule_update::loader::{self, Counter};
use ampoule_update::record::{BootReport, BootState};
use ampoule_update::standing::{self, Facts, Standing};
use std::time::{Duration, Instant};

/// While nothing is left but to end.
const LONG: Duration = Duration::from_secs(60);

impl Updater {
    /// Finds out how the boot stands, and sees it through.
    pub(crate) fn settle(&self) {
        if let Err(error) = self.see_through() {
            log::error!("the boot: {}", ampoule_report::chain(&error));
        }
        *lock(&self.awaited) = None;
    }

    fn see_through(&self) -> Result<(), UpdateError> {
        match self.standing()? {
            Standing::Foreign => {
                log::info!("this node was not started by a boot loader from its disk: it takes no updates");
                Ok(())
            }
            Standing::Good => {
                self.finish();
                self.clear_bad()
            }
            Standing::Condemn => self.give_up("it was found bad before"),
            Standing::Trial => self.watch(),
        }
    }

    /// What is remembered is brought in line with what is on the disk.
    fn standing(&self) -> Result<Standing, UpdateError> {
        if !self.places.has_firmware() {
            return Ok(Standing::Foreign);
        }
        let esp = match BootPartition::open(&self.places, false) {
            Ok(boot) => boot.names()?,
            Err(UpdateError::NoBootPartition) => return Ok(Standing::Foreign),
            Err(error) => return Err(error),
        };
        let (staged, whole) = (self.is_staged(), self.is_whole());
        let (running, root_hash, boot, now) = (&self.identity.version, self.identity.root_hash, self.identity.boot.as_str(), now());
        self.remember(|record| standing::at_start(record, &Facts { esp: &esp, running, root_hash, boot, staged, whole, now }))
    }

    /// Whether the chosen update's kernel image is whole on the boot partition.
    fn is_whole(&self) -> bool {
        let Some(update) = self.record().chosen else { return false };
        self.is_whole_to_boot(&update).unwrap_or_else(|error| {
            log::error!("{}", ampoule_report::chain(&error));
            false
        })
    }

    /// A version that the boot loader passed over is not left to it.
    fn clear_bad(&self) -> Result<(), UpdateError> {
        let names = BootPartition::open(&self.places, false)?.names()?;
        let record = self.record();
        for bad in record.bad().filter(|bad| bad.version != self.identity.version) {
            if matches!(standing::counter(&names, &bad.version), Some(Some(Counter { left: 1.., done: 0 }))) {
                log::warn!("version {} is taken off the boot partition: {}", bad.version, bad.reason);
                self.remove_next(&bad.version)?;
            }
        }
        Ok(())
    }

    /// Whether the idle slot is named for the chosen update and what goes with it is there.
    fn is_staged(&self) -> bool {
        let Some(update) = self.record().chosen else { return false };
        let named = || -> Result<bool, UpdateError> {
            let slots = self.places.disk(false)?.slots(self.identity.root_hash, Some(update.root_hash))?;
            Ok(slots.idle_is && self.staged_image(&update).is_ok())
        };
        named().unwrap_or(false)
    }

    fn watch(&self) -> Result<(), UpdateError> {
        log::info!("version {} is on trial: it must show that the node is healthy", self.identity.version);
        loop {
            match self.look_until_known()? {
                None => return self.bless(),
                Some(reason) => {
                    log::error!("version {} is not healthy: {reason}", self.identity.version);
                    self.give_up(&reason)?;
                    // There is nothing to go back to: better a node that is not well than one that restarts for ever.
                    log::error!("there is no version to go back to; it is watched further");
                    self.remember(|record| record.boot = BootReport { state: BootState::Trial, reason })?;
                }
            }
        }
    }

    /// Looks until the boot is good (nothing) or bad (why).
    fn look_until_known(&self) -> Result<Option<String>, UpdateError> {
        let started = Instant::now();
        let mut config = self.config_of_trial();
        let (mut gates, mut watch) = self.watch_with(&config);
        loop {
            let seen = health::observe(started.elapsed().as_secs(), &gates, &config, &self.fetcher(&config, Duration::ZERO), &self.places);
            match watch.observe(&seen) {
                Verdict::Good => return Ok(None),
                Verdict::Bad { reason } => return Ok(Some(reason.clone())),
                Verdict::Waiting(what) => {
                    let until = Some(started + Duration::from_secs(gates.limit.max(gates.settle)));
                    *lock(&self.awaited) = Some(Awaited { what: what.clone(), until });
                }
            }
            std::thread::sleep(self.places.pace().look);
            let before = std::mem::replace(&mut config, self.config_of_trial());
            if (before.health_timeout, before.checks) != (config.health_timeout, config.checks.clone()) {
                (gates, watch) = self.watch_with(&config);
            }
        }
    }

    fn watch_with(&self, config: &Config) -> (Gates, Watch) {
        let gates = health::gates(config, self.record().trial.as_ref(), &self.places);
        log::info!("within {} s all must be well: services, workloads that ran before, and {} checks", gates.limit, gates.checks.len());
        (gates.clone(), Watch::new(gates))
    }

    /// The boot is good.
    pub(crate) fn bless(&self) -> Result<(), UpdateError> {
        let boot = BootPartition::open(&self.places, true)?;
        let steps = loader::bless(&boot.names()?, &self.identity.version, self.identity.through_parameters)?;
        boot.check_room(&steps, None, |source| self.length_of(source))?;
        self.on(&boot, &steps)?;
        // Whoever reads it back opens it in another mode.
        drop(boot);
        self.remember(|record| {
            record.trial = None;
            record.forgive(Some(&self.identity.version));
            // That the version before was not good stays said.
            if record.boot.state != BootState::FellBack {
                record.boot = BootReport::default();
            }
            if record.state == State::Ready {
                (record.state, record.chosen) = (State::Idle, None);
            }
        })?;
        log::info!("version {} is good: from now on it is what this node boots", self.identity.version);
        self.use_up();
        Ok(())
    }

    /// The boot is bad: the node restarts with the version before. Returns only if there is none, or if that was bad as well.
    fn give_up(&self, reason: &str) -> Result<(), UpdateError> {
        let boot = BootPartition::open(&self.places, true)?;
        let Some(other) = boot.other(&self.identity.version)? else { return Ok(()) };
        let names = boot.names()?;
        if !standing::can_go_back(&names, &self.record(), &other.image.version, other.root_hash) {
            return Ok(());
        }
        let steps = loader::condemn(&names, &self.identity.version, &other.image.version)?;
        self.remember(|record| {
            record.condemn(self.bad(reason));
            (record.state, record.chosen, record.trial) = (State::Idle, None, None);
            record.boot = BootReport { state: BootState::FellBack, reason: format!("version {}: {reason}", self.identity.version) };
        })?;
        // Without room for the copy that a safe new name takes, the counter of the loader brings the node back.
        if let Err(error) = boot.check_room(&steps, None, |source| self.length_of(source)).and_then(|()| self.on(&boot, &steps)) {
            log::error!("{}", ampoule_report::chain(&error));
        }
        log::error!("the node goes back to version {}", other.image.version);
        self.reboot()?;
        loop {
            std::thread::sleep(LONG);
        }
    }
}
