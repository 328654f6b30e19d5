//! What one side of a step has and the other does not.

use crate::flat::Flat;
use serde::{Deserialize, Serialize};

/// What is kept beside the settings for one change of a step.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Aside {
    /// Of what people chose.
    #[serde(skip_serializing_if = "Sides::is_empty")]
    pub(crate) chosen: Sides,
    /// Of what was generated.
    #[serde(skip_serializing_if = "Sides::is_empty")]
    pub(crate) generated: Sides,
}

impl Aside {
    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.chosen.is_empty() && self.generated.is_empty()
    }
}

/// Settings of the older and of the newer side.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Sides {
    /// For whoever goes back.
    #[serde(skip_serializing_if = "Flat::is_empty")]
    pub(crate) older: Flat,
    /// For whoever goes on.
    #[serde(skip_serializing_if = "Flat::is_empty")]
    pub(crate) newer: Flat,
}

impl Sides {
    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.older.is_empty() && self.newer.is_empty()
    }

    /// As they look from the other side.
    pub(crate) fn swapped(self) -> Self {
        Self { older: self.newer, newer: self.older }
    }
}
