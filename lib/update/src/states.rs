//! Bottlerocket's states of an update, and which command each of them takes.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a node is on its way to another version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum State {
    /// Nothing is offered.
    #[default]
    Idle,
    /// An update is offered.
    Available,
    /// It is in the idle slot, whole and verified.
    Staged,
    /// The next boot runs it.
    Ready,
}

/// What can be asked of an updater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Command {
    /// Ask the repository what it offers.
    Refresh,
    /// Bring the offered image into the idle slot.
    Prepare,
    /// Make the next boot run it.
    Activate,
    /// Take that back.
    Deactivate,
}

/// How a command ended, as far as the states are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It failed; nothing that counts was changed.
    Failed,
    /// It did what it should; for [`Command::Refresh`] whether an update is offered.
    Done {
        /// Whether an update is offered.
        offered: bool,
    },
}

/// The state does not take the command (HTTP 409).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{command} is not possible in state {state:?}: {remedy}")]
pub struct Refused {
    /// What was asked.
    pub command: Command,
    /// Where the node is.
    pub state: State,
    /// What to do instead.
    pub remedy: &'static str,
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refresh => "refresh",
            Self::Prepare => "prepare",
            Self::Activate => "activate",
            Self::Deactivate => "deactivate",
        })
    }
}

impl State {
    /// All states.
    pub const ALL: [Self; 4] = [Self::Idle, Self::Available, Self::Staged, Self::Ready];

    /// Whether the command may begin.
    ///
    /// # Errors
    /// [`Refused`] with what to do instead.
    pub fn permit(self, command: Command) -> Result<(), Refused> {
        let refused = |remedy| Err(Refused { command, state: self, remedy });
        match (command, self) {
            (Command::Refresh, _)
            | (Command::Prepare, Self::Available | Self::Staged)
            | (Command::Activate, Self::Staged)
            | (Command::Deactivate, Self::Ready) => Ok(()),
            (Command::Prepare, Self::Idle) => refused("no update is known, refresh first"),
            (Command::Prepare | Command::Activate, Self::Ready) => refused("deactivate first, or reboot"),
            (Command::Activate, _) => refused("prepare first"),
            (Command::Deactivate, _) => refused("no update is active"),
        }
    }

    /// The state while the command is carried out: whoever dies in the midst of it is found there.
    #[must_use]
    pub fn begun(self, command: Command) -> Self {
        match (command, self) {
            // The idle slot is written anew, so what it held is no longer whole.
            (Command::Prepare, Self::Staged) => Self::Available,
            _ => self,
        }
    }

    /// The state after the command, from the one that [`Self::begun`] gave.
    #[must_use]
    pub fn ended(self, command: Command, outcome: Outcome) -> Self {
        match (command, self, outcome) {
            (Command::Refresh, Self::Idle | Self::Available, Outcome::Done { offered: true }) => Self::Available,
            (Command::Refresh, Self::Idle | Self::Available, Outcome::Done { offered: false }) => Self::Idle,
            (Command::Prepare, Self::Available, Outcome::Done { .. }) => Self::Staged,
            (Command::Activate, Self::Staged, Outcome::Done { .. }) => Self::Ready,
            (Command::Deactivate, Self::Ready, Outcome::Done { .. }) => Self::Staged,
            _ => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const COMMANDS: [Command; 4] = [Command::Refresh, Command::Prepare, Command::Activate, Command::Deactivate];

    /// Bottlerocket's table, row by row: Idle, Available, Staged, Ready.
    #[test]
    fn the_table_of_bottlerocket() {
        let table = [[true; 4], [false, true, true, false], [false, false, true, false], [false, false, false, true]];
        for (command, row) in COMMANDS.into_iter().zip(table) {
            for (state, allowed) in State::ALL.into_iter().zip(row) {
                assert_eq!(state.permit(command).is_ok(), allowed, "{command} in {state:?}");
            }
        }
    }

    fn outcome() -> impl Strategy<Value = Outcome> {
        prop_oneof![Just(Outcome::Failed), any::<bool>().prop_map(|offered| Outcome::Done { offered })]
    }

    proptest! {
        /// Ready is only reached through Staged, Staged only through a prepare that ended well.
        #[test]
        fn no_way_round(steps in prop::collection::vec((prop::sample::select(&COMMANDS[..]), outcome()), 0..40)) {
            let (mut state, mut whole, mut active) = (State::Idle, false, false);
            for (command, outcome) in steps {
                if state.permit(command).is_err() {
                    continue;
                }
                let done = matches!(outcome, Outcome::Done { .. });
                match command {
                    Command::Prepare => whole = done,
                    Command::Activate if done => active = true,
                    Command::Deactivate if done => active = false,
                    _ => {}
                }
                state = state.begun(command);
                prop_assert!(command != Command::Prepare || !matches!(state, State::Staged | State::Ready));
                state = state.ended(command, outcome);
                prop_assert_eq!(matches!(state, State::Staged | State::Ready), whole);
                prop_assert_eq!(state == State::Ready, active);
            }
        }

        /// A failure never brings a node further, and an update in the slot is not lost by looking for another.
        #[test]
        fn failures_keep(state in prop::sample::select(&State::ALL[..]), command in prop::sample::select(&COMMANDS[..])) {
            prop_assert_eq!(state.ended(command, Outcome::Failed), state);
            if matches!(state, State::Staged | State::Ready) {
                prop_assert_eq!(state.ended(Command::Refresh, Outcome::Done { offered: false }), state);
            }
        }
    }
}
