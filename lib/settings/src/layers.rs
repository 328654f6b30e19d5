//! Where values come from, weakest first: the image, a generator, a person.

use crate::{Fragment, SettingError, Settings};

/// Who gave a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The image. Weak: the next image may say something else.
    Default,
    /// A generator of the node, where no person chose.
    Generated,
    /// A person, or a program that a person started. Strong: stays until somebody changes it.
    Chosen,
}

/// All values, each where it came from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Layers {
    /// What the image says.
    pub defaults: Fragment,
    /// What the node's generators found.
    pub generated: Fragment,
    /// What people chose.
    pub chosen: Fragment,
}

impl Layers {
    /// What is in force: the strongest value of each key.
    #[must_use]
    pub fn whole(&self) -> Fragment {
        self.defaults.clone().merge(self.generated.clone()).merge(self.chosen.clone())
    }

    /// The settings in force.
    ///
    /// # Errors
    /// Everything that does not fit together, at once.
    pub fn settings(&self) -> Result<Settings, Vec<SettingError>> {
        Settings::new(&self.defaults.clone().merge(self.generated.clone()), &self.chosen)
    }

    /// Who gave the value of a key that is in force.
    #[must_use]
    pub fn source(&self, key: &str) -> Option<Source> {
        let layers = [(&self.chosen, Source::Chosen), (&self.generated, Source::Generated), (&self.defaults, Source::Default)];
        layers.into_iter().find(|(layer, _)| layer.get(key).is_some()).map(|(_, source)| source)
    }

    /// The same image and generators with another choice.
    #[must_use]
    pub fn with_chosen(&self, chosen: Fragment) -> Self {
        Self { chosen, ..self.clone() }
    }
}
