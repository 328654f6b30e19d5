//! What a generation holds.

use ampoule_confirm::{BootId, Reason, Trial};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// A committed state of the settings. Fields that an earlier version did not write have defaults; ones that a later version writes are passed over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Generation {
    /// Counts up from 1.
    pub number: u64,
    /// The generation that was in force before; 0 for none.
    #[serde(default)]
    pub parent: u64,
    /// The generation that was confirmed when this one was made; 0 for none. With the standing lost, this is what a trial goes back to.
    #[serde(default)]
    pub base: u64,
    /// Who made it.
    #[serde(default)]
    pub author: String,
    /// When, in milliseconds since 1970. For people; nothing is decided by it.
    #[serde(default)]
    pub time_ms: u64,
    /// What it was made for, in a line.
    #[serde(default)]
    pub message: String,
    /// Where it comes from.
    #[serde(default)]
    pub origin: Origin,
    /// The trial it was made with; `None`: it is confirmed by being there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<Trial>,
    /// What people set.
    #[serde(alias = "settings")]
    pub chosen: Value,
    /// What was worked out, by key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub generated: BTreeMap<String, Generated>,
    /// In which form all of this is.
    #[serde(default, skip_serializing_if = "Form::is_first")]
    pub form: Form,
    /// Digest of its file, `sha256:` and 64 hex digits.
    #[serde(skip)]
    pub digest: String,
}

/// In which form the settings of a generation are, and what is kept for images that know others. The store does not look into settings of any form.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Form {
    /// Counts up with each version that changed what settings there are, from 0.
    #[serde(default)]
    pub number: u32,
    /// What is kept aside for other forms.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub aside: Value,
    /// The same settings for images before, by form. Only once an image has proven good: before that, the generations of the image before are what is gone back to.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub earlier: BTreeMap<u32, Value>,
    /// What could not be carried over from another form and is not set anew since.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Value>,
}

impl Form {
    fn is_first(&self) -> bool {
        *self == Self::default()
    }
}

/// A value that was worked out rather than set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Generated {
    /// The value.
    pub value: Value,
    /// What wins against it.
    #[serde(default)]
    pub strength: Strength,
    /// What it was made from, in a line.
    #[serde(default)]
    pub why: String,
}

/// What wins against a value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strength {
    /// Whatever is set, and a newer working out.
    #[default]
    Weak,
    /// Only what is set.
    Strong,
}

/// Where a generation comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Origin {
    /// User data, at first boot.
    UserData,
    /// A change through the API.
    #[default]
    Api,
    /// Values that the node made for keys that nobody set.
    Generated,
    /// The content of an earlier generation, because somebody wanted it back.
    Restore {
        /// Which.
        of: u64,
    },
    /// The content of the last confirmed generation, because a later one did not prove good.
    Rollback {
        /// The one that did not.
        of: u64,
        /// The one whose content this is; 0: nothing chosen, the image's defaults.
        #[serde(default)]
        to: u64,
        /// Why.
        reason: Reason,
    },
    /// The content of the generation before in the form of this image, or prepared for images with other forms.
    Migration {
        /// Whose content it is.
        of: u64,
    },
    /// One that a newer image knows.
    #[serde(other)]
    Unknown,
}

/// What a new generation says, beside its number.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Who makes it.
    pub author: String,
    /// What it is made for, in a line.
    pub message: String,
    /// Where it comes from.
    pub origin: Origin,
    /// The trial it is made with; `None`: it is confirmed by being there.
    pub trial: Option<Trial>,
    /// What people set.
    pub chosen: Value,
    /// What was worked out, by key.
    pub generated: BTreeMap<String, Generated>,
    /// In which form all of this is.
    pub form: Form,
}

/// The present moment, as the caller read it.
#[derive(Debug, Clone)]
pub struct Now {
    /// This boot.
    pub boot: BootId,
    /// Milliseconds since it began (`CLOCK_BOOTTIME`).
    pub boot_ms: u64,
    /// Milliseconds since 1970, for people.
    pub unix_ms: u64,
}

/// A generation without its content.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Summary {
    /// Its number.
    pub number: u64,
    /// The generation that was in force before.
    #[serde(default)]
    pub parent: u64,
    /// Who made it.
    #[serde(default)]
    pub author: String,
    /// When, in milliseconds since 1970.
    #[serde(default)]
    pub time_ms: u64,
    /// What it was made for.
    #[serde(default)]
    pub message: String,
    /// Where it comes from.
    #[serde(default)]
    pub origin: Origin,
    /// The trial it was made with.
    #[serde(default)]
    pub trial: Option<Trial>,
    /// The form of its settings.
    #[serde(default, deserialize_with = "number_of_form")]
    pub form: u32,
    /// Digest of its file.
    #[serde(skip)]
    pub digest: String,
}

impl From<&Generation> for Summary {
    fn from(g: &Generation) -> Self {
        let Generation { number, parent, time_ms, trial, .. } = *g;
        let (author, message, origin, digest) = (g.author.clone(), g.message.clone(), g.origin.clone(), g.digest.clone());
        Self { number, parent, author, time_ms, message, origin, trial, form: g.form.number, digest }
    }
}

fn number_of_form<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    #[derive(Deserialize)]
    struct Number {
        #[serde(default)]
        number: u32,
    }
    Number::deserialize(deserializer).map(|form| form.number)
}
