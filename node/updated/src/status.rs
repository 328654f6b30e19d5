//! How it stands, as the API says it.

use crate::error::UpdateError;
use crate::esp::BootPartition;
use crate::updater::{Updater, lock};
use ampoule_api_types::v1::{BadVersion, BootTrial, BootTrialState, UpdateProgress, Updates};
use ampoule_api_types::{CommandResult, StagedImage, UpdateImage, UpdateState, UpdateStatus};
use ampoule_update::loader::parse_image_name;
use ampoule_update::record::{BootState, LastCommand};
use ampoule_update::{Record, State};
use semver::Version;
use std::time::Instant;

impl Updater {
    /// The whole document.
    pub(crate) fn status(&self) -> Updates {
        let record = self.record();
        Updates {
            bad_versions: record.bad().map(bad).collect(),
            boot: self.boot(&record),
            progress: self.runs().map(|command| self.how_far(command)),
            status: self.bottlerockets(&record),
        }
    }

    fn bottlerockets(&self, record: &Record) -> UpdateStatus {
        let chosen = record.chosen.as_ref().map(|update| &update.version);
        let staged =
            chosen.filter(|_| matches!(record.state, State::Staged | State::Ready)).cloned().or_else(|| self.other_version(record));
        let ready = record.state == State::Ready;
        let mut available = lock(&self.offered).clone();
        if let Some(version) = chosen.map(ToString::to_string).filter(|version| !available.contains(version)) {
            available.insert(0, version);
        }
        UpdateStatus {
            update_state: state(record.state),
            available_updates: available,
            chosen_update: chosen.map(|version| self.image(version)),
            active_partition: Some(StagedImage { image: self.image(&self.identity.version), next_to_boot: !ready }),
            staging_partition: staged.map(|version| StagedImage { image: self.image(&version), next_to_boot: ready }),
            most_recent_command: record.last_command.as_ref().map(result),
        }
    }

    /// The version before, as long as it can be gone back to.
    fn other_version(&self, record: &Record) -> Option<Version> {
        // While the slot is written it holds nothing.
        if record.state == State::Available && self.runs() == Some("prepare") {
            return None;
        }
        let mut seen = lock(&self.other);
        // Who asks again and again does not mount the boot partition each time.
        if seen.is_none() {
            *seen = self.see_other().ok();
        }
        seen.clone().flatten()
    }

    fn see_other(&self) -> Result<Option<Version>, UpdateError> {
        let names = BootPartition::open(&self.places, false)?.names()?;
        let versions = names.images.iter().filter_map(|name| Some(parse_image_name(name)?.0));
        Ok(versions.into_iter().find(|version| *version != self.identity.version))
    }

    fn image(&self, version: &Version) -> UpdateImage {
        UpdateImage { arch: self.identity.arch.to_owned(), version: version.to_string(), variant: self.identity.variant.clone() }
    }

    fn how_far(&self, command: &str) -> UpdateProgress {
        let progress = self.progress();
        let (done_bytes, total_bytes, fetched_bytes) = progress.bytes();
        UpdateProgress { command: command.to_owned(), step: progress.step(), done_bytes, total_bytes, fetched_bytes }
    }

    /// Whether the image that runs was made the next boot and is not known to be good yet; so also before the first look at it.
    fn is_to_prove_itself(&self, record: &Record) -> bool {
        record.trial.as_ref().is_some_and(|trial| trial.root_hash == self.identity.root_hash.to_string())
    }

    fn boot(&self, record: &Record) -> BootTrial {
        let awaited = lock(&self.awaited).clone();
        let state = match record.boot.state {
            _ if awaited.is_some() || self.is_to_prove_itself(record) => BootTrialState::Trial,
            BootState::Trial => BootTrialState::Trial,
            BootState::Good => BootTrialState::Good,
            BootState::FellBack => BootTrialState::FellBack,
        };
        BootTrial {
            state,
            reason: Some(record.boot.reason.clone()).filter(|reason| !reason.is_empty()),
            seconds_left: awaited
                .as_ref()
                .and_then(|awaited| awaited.until)
                .map(|until| until.saturating_duration_since(Instant::now()).as_secs()),
            waits_for: awaited.map(|awaited| awaited.what).unwrap_or_default(),
        }
    }
}

fn state(state: State) -> UpdateState {
    match state {
        State::Idle => UpdateState::Idle,
        State::Available => UpdateState::Available,
        State::Staged => UpdateState::Staged,
        State::Ready => UpdateState::Ready,
    }
}

fn bad(bad: &ampoule_update::record::BadVersion) -> BadVersion {
    BadVersion { version: bad.version.to_string(), reason: bad.reason.clone(), since: bad.at.to_string() }
}

fn result(last: &LastCommand) -> CommandResult {
    let status = match last.success {
        Some(true) => "Success",
        Some(false) => "Failed",
        None => "Unknown",
    };
    let failed = last.success == Some(false);
    CommandResult {
        cmd_type: last.command.clone(),
        cmd_status: status.to_owned(),
        timestamp: last.at.to_string(),
        exit_status: last.success.map(i32::from).map(|success| 1 - success),
        stderr: failed.then(|| last.message.clone()),
    }
}
