//! What is confirmed, what is on trial, and what may follow from it while the node runs.

use crate::{BootId, Kind, Reason, Trial};
use serde::{Deserialize, Serialize};

/// What is remembered about confirmation, the same in memory and on disk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Standing {
    /// Number of the last confirmed generation; 0: none yet, the image's defaults.
    pub confirmed: u64,
    /// The generation on trial.
    #[serde(default)]
    pub open: Option<Open>,
    /// A generation that is about to be written. It is on trial from the moment its own file is there; if it never comes to that, this means nothing. So the one write that
    /// makes a new generation also ends the trial of the one before, and no boot in which it was applied goes uncounted.
    #[serde(default)]
    pub next: Option<Open>,
}

/// A generation on trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Open {
    /// Its number.
    pub generation: u64,
    /// What it is tried for.
    pub trial: Trial,
    /// The boots in which it was tried, the present one last.
    pub boots: Vec<BootId>,
    /// When its window began, in milliseconds since the last of `boots` began; `None`: it has not taken effect yet.
    #[serde(default)]
    pub began_ms: Option<u64>,
}

impl Open {
    /// Milliseconds that are left of its window.
    #[must_use]
    pub fn left_ms(&self, now_ms: u64) -> u64 {
        self.trial.window_ms.saturating_sub(self.elapsed_ms(now_ms))
    }

    fn elapsed_ms(&self, now_ms: u64) -> u64 {
        self.began_ms.map_or(0, |began| now_ms.saturating_sub(began))
    }
}

/// How the services that a change touches are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// All are ready.
    Ready,
    /// One is on its way.
    Settling {
        /// Which.
        service: String,
    },
    /// One is not as it should be.
    Failed {
        /// Which.
        service: String,
        /// What is wrong with it, to follow its name in a sentence.
        what: String,
    },
}

/// What is to be done about the generation on trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing yet.
    Wait,
    /// It is good.
    Confirm,
    /// The last confirmed generation returns.
    RollBack(Reason),
}

/// A confirmation that names another generation than the one on trial.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Generation {asked} is not on trial; {}", .open.map_or_else(|| format!("nothing is, generation {} is confirmed", .confirmed), |n| format!("generation {n} is")))]
pub struct NotOpen {
    /// The one that was named.
    pub asked: u64,
    /// The one that is on trial.
    pub open: Option<u64>,
    /// The last confirmed.
    pub confirmed: u64,
}

impl Standing {
    /// Nothing on trial.
    #[must_use]
    pub fn settled(confirmed: u64) -> Self {
        Self { confirmed, open: None, next: None }
    }

    /// The trial that a change made now gets when `asked` is asked for.
    ///
    /// A change on top of one that a person wants to confirm contains it, so it cannot be confirmed by the node alone: it takes over what is left of that window. A person
    /// who asks for a window of their own gets that.
    #[must_use]
    pub fn trial_of_change(&self, asked: Trial, now_ms: u64) -> Trial {
        match (&self.open, asked.kind) {
            (Some(open), Kind::Probation) if open.trial.kind == Kind::Confirm => {
                Trial { kind: Kind::Confirm, window_ms: open.left_ms(now_ms) }
            }
            _ => asked,
        }
    }

    /// The boots that count for a change made now when `asked` is asked for, the present one last.
    ///
    /// A change contains what is on trial below it, so it was tried in those boots too. Otherwise whatever changes something in each boot, as the node does itself with what
    /// it works out, would keep a change alive that ends every boot. A person who asks for a window of their own gets a whole trial.
    #[must_use]
    pub fn boots_of_change(&self, asked: Trial, boot: &BootId) -> Vec<BootId> {
        let below = self.open.as_ref().filter(|_| asked.kind == Kind::Probation).map(|open| open.boots.clone());
        let mut boots = below.unwrap_or_default();
        if boots.last() != Some(boot) {
            boots.push(boot.clone());
        }
        boots
    }

    /// Before `generation` is written: it will be on trial, and counts as tried in `boots` (see [`Standing::boots_of_change`]).
    #[must_use]
    pub fn announced(&self, generation: u64, trial: Trial, boots: Vec<BootId>) -> Self {
        let next = Open { generation, trial, boots, began_ms: None };
        Self { next: Some(next), ..self.clone() }
    }

    /// After `generation`, announced before, was written: it is on trial.
    #[must_use]
    pub fn written(&self, generation: u64) -> Self {
        let open = self.next.clone().filter(|next| next.generation == generation);
        Self { confirmed: self.confirmed, open: open.or_else(|| self.open.clone()), next: None }
    }

    /// The generation on trial has taken effect: its window begins. While it took effect the window may have begun before (after a restart); then it begins anew.
    #[must_use]
    pub fn in_effect(&self, now_ms: u64) -> Self {
        let open = self.open.clone().map(|open| Open { began_ms: Some(now_ms), ..open });
        Self { open, ..self.clone() }
    }

    /// What to do now about the generation on trial. `settle_ms` bounds how long a service may take to be ready (see [`crate::SETTLE_MS`]).
    ///
    /// A failed service takes a change back whoever should confirm it: a person who looks away for five minutes wants no broken node when they return.
    #[must_use]
    pub fn tick(&self, now_ms: u64, health: &Health, settle_ms: u64) -> Verdict {
        let Some(open) = self.open.as_ref().filter(|open| open.began_ms.is_some()) else { return Verdict::Wait };
        let unhealthy = |service: &str, what: String| Verdict::RollBack(Reason::Unhealthy { service: service.to_owned(), what });
        let is_over = open.left_ms(now_ms) == 0;
        match health {
            Health::Failed { service, what } => unhealthy(service, what.clone()),
            _ if is_over && open.trial.kind == Kind::Confirm => Verdict::RollBack(Reason::TimedOut { window_ms: open.trial.window_ms }),
            Health::Settling { service } if open.elapsed_ms(now_ms) >= settle_ms => {
                unhealthy(service, format!("was not ready within {} s", settle_ms / 1000))
            }
            Health::Ready if is_over => Verdict::Confirm,
            Health::Ready | Health::Settling { .. } => Verdict::Wait,
        }
    }

    /// `generation` is good. Saying so again is no mistake: an answer may have been lost.
    ///
    /// # Errors
    /// It is not the one on trial.
    pub fn confirm(&self, generation: u64) -> Result<Self, NotOpen> {
        let open = self.open.as_ref().map(|open| open.generation);
        let is_repeated = open.is_none() && generation == self.confirmed && generation != 0;
        if open == Some(generation) || is_repeated {
            return Ok(Self::settled(generation));
        }
        Err(NotOpen { asked: generation, open, confirmed: self.confirmed })
    }
}
