//! Every step that the settings of any version ever took.

use crate::change::{Change, Way};
use crate::content::Content;
use crate::problem::Problem;
use semver::Version;
use serde::{Deserialize, Serialize};

/// The first version, whose settings have form 0.
const FIRST: Version = Version::new(0, 1, 0);

/// The steps of all versions, oldest first. A step of a version that was released is never changed and never goes: stores of any age come this way.
///
/// A version that changes the settings model says so here, with its own number. `tests/frozen` fails until it does.
fn all() -> Vec<Step> {
    Vec::new()
}

/// How the settings of a version differ from those of the one before.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Step {
    /// The first version that has them so.
    pub version: Version,
    /// What is different, in the order in which it is done on the way up.
    pub changes: Vec<Change>,
}

/// The steps that an image knows.
#[derive(Debug, Clone, Default)]
pub struct Steps(Vec<Step>);

/// Settings in another form.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Carried {
    /// The settings.
    pub content: Content,
    /// What has no equal in that form; it is kept aside.
    pub problems: Vec<Problem>,
}

/// What a version does to settings, for the manifest of updates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Migration {
    /// The version before, of those that changed settings.
    pub from: Version,
    /// The version.
    pub to: Version,
    /// What is done, each for a person.
    pub changes: Vec<String>,
}

/// Settings of a form that this image does not know: a newer one made them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the settings have form {form}, this image knows forms up to {known}")]
pub struct UnknownForm {
    /// Their form.
    pub form: u32,
    /// The newest form that is known.
    pub known: u32,
}

/// Steps that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StepsError {
    /// The text is none.
    #[error("steps between settings: {0}")]
    Text(#[from] toml::de::Error),
    /// Versions do not ascend.
    #[error("step {0}: its version is not after that of the step before")]
    Order(Version),
    /// A change contradicts itself.
    #[error("step {version}: {change}: {reason}")]
    Change {
        /// The version of the step.
        version: Version,
        /// The change.
        change: String,
        /// What is wrong.
        reason: &'static str,
    },
}

impl Steps {
    /// Those that were compiled in.
    #[must_use]
    pub fn compiled() -> Self {
        Self(all())
    }

    /// Some steps.
    ///
    /// # Errors
    /// They cannot be taken.
    pub fn new(steps: Vec<Step>) -> Result<Self, StepsError> {
        let steps = Self(steps);
        steps.check().map(|()| steps)
    }

    /// These, and behind them those of a text: `[[step]]` with `version` and `changes`, each `{ added = { key = "KEY" } }`, `{ removed = { key = "KEY" } }`,
    /// `{ moved = { from = "KEY", to = "KEY" } }` or `{ replaced = { key = "KEY", from = VALUE, to = VALUE } }`.
    ///
    /// # Errors
    /// The text is none, or its steps cannot be taken.
    pub fn with_text(self, text: &str) -> Result<Self, StepsError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Text {
            #[serde(default)]
            step: Vec<Step>,
        }
        let Text { step } = toml::from_str(text)?;
        Self::new(self.0.into_iter().chain(step).collect())
    }

    fn check(&self) -> Result<(), StepsError> {
        let mut before = FIRST;
        for step in &self.0 {
            if step.version <= before {
                return Err(StepsError::Order(step.version.clone()));
            }
            before = step.version.clone();
            let wrong = |change: &Change, reason| StepsError::Change { version: step.version.clone(), change: change.to_string(), reason };
            step.changes.iter().try_for_each(|change| check(change).map_err(|reason| wrong(change, reason)))?;
        }
        Ok(())
    }

    /// The form of this image's settings: the number of steps.
    #[must_use]
    pub fn form(&self) -> u32 {
        self.0.len().try_into().unwrap_or(u32::MAX)
    }

    /// Takes settings of the form `from` to that of this image.
    ///
    /// # Errors
    /// The form is newer than this image.
    pub fn up(&self, content: Content, from: u32) -> Result<Carried, UnknownForm> {
        let first = self.known(from)?;
        let steps = self.0.iter().enumerate().skip(first);
        Ok(carried(content, steps.flat_map(|(number, step)| places(number, step)), Way::Up))
    }

    /// Takes settings of this image to the form `to`.
    ///
    /// # Errors
    /// The form is newer than this image.
    pub fn down(&self, content: Content, to: u32) -> Result<Carried, UnknownForm> {
        let last = self.known(to)?;
        let steps = self.0.iter().enumerate().skip(last).rev();
        Ok(carried(content, steps.flat_map(|(number, step)| places(number, step).rev()), Way::Down))
    }

    fn known(&self, form: u32) -> Result<usize, UnknownForm> {
        let known = self.form();
        if form > known { Err(UnknownForm { form, known }) } else { Ok(usize::try_from(form).unwrap_or(usize::MAX)) }
    }

    /// The version that first had settings of this form.
    #[must_use]
    pub fn version(&self, form: u32) -> Option<Version> {
        let Some(step) = form.checked_sub(1) else { return Some(FIRST) };
        self.0.get(usize::try_from(step).ok()?).map(|step| step.version.clone())
    }

    /// The form of the settings of a version.
    #[must_use]
    pub fn form_of(&self, version: &Version) -> u32 {
        self.0.iter().take_while(|step| step.version <= *version).count().try_into().unwrap_or(u32::MAX)
    }

    /// What each version does to settings, oldest first.
    #[must_use]
    pub fn migrations(&self) -> Vec<Migration> {
        let before = std::iter::once(FIRST).chain(self.0.iter().map(|step| step.version.clone()));
        let said = |step: &Step| step.changes.iter().map(ToString::to_string).collect();
        before.zip(&self.0).map(|(from, step)| Migration { from, to: step.version.clone(), changes: said(step) }).collect()
    }

    /// All steps.
    pub fn iter(&self) -> impl Iterator<Item = &Step> {
        self.0.iter()
    }
}

fn check(change: &Change) -> Result<(), &'static str> {
    let (from, to) = change.keys();
    match change {
        _ if !from.is_key() || !to.is_key() => Err("a key has no empty part"),
        Change::Moved { .. } if from == to => Err("it stays where it is"),
        Change::Moved { .. } if from.stars() != to.stars() => Err("both keys have as many names"),
        Change::Replaced { from, to, .. } if from == to => Err("the value stays as it is"),
        _ => Ok(()),
    }
}

/// The changes of a step, each with the name under which things are kept aside for it.
fn places(number: usize, step: &Step) -> impl DoubleEndedIterator<Item = (String, &Change)> {
    step.changes.iter().enumerate().map(move |(change_number, change)| (format!("{number}.{change_number}"), change))
}

fn carried<'a>(mut content: Content, changes: impl Iterator<Item = (String, &'a Change)>, way: Way) -> Carried {
    let mut problems: Vec<Problem> = Vec::new();
    for (place, change) in changes {
        problems.iter_mut().for_each(|problem| problem.key = change.name_after(way, &problem.key));
        problems.extend(content.carry(change, way, &place));
    }
    Carried { content, problems }
}
