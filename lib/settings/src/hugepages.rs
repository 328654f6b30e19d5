//! `kernel.hugepages`: memory in large pages.

use crate::Described;
use crate::checked_text::{checked_text, must};
use crate::choice::choice;
use crate::key::Key;
use crate::namespace::namespace;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

namespace! {
    /// Memory in large pages.
    Hugepages "kernel.hugepages"
    groups {
        fixed "static": Static;
        transparent "transparent": Transparent;
    }
}

/// Large pages that are set aside at boot, and are then for programs that ask for them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Static {
    /// Whether the boot fails if there are too few.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub essential: Option<bool>,
    /// How many, by size.
    #[serde(flatten)]
    pub pools: BTreeMap<PageSize, Pool>,
}

namespace! {
    /// Large pages of one size.
    Pool "kernel.hugepages.static.*" named PageSize = "2Mi"
    keys {
        /// How many are set aside at boot: a number, or one for each NUMA node as `NODE:NUMBER,…`.
        count "count": PageCount, r#""512""#;
    }
}

namespace! {
    /// Large pages that the kernel gives programs by itself (`Documentation/admin-guide/mm/transhuge.rst`).
    Transparent "kernel.hugepages.transparent"
    keys {
        /// Who gets them: every program, those that ask, or nobody.
        enabled "enabled": TransparentEnabled, r#""madvise""#;
        /// How much is done to have one when none is free.
        defrag "defrag": TransparentDefrag, r#""defer+madvise""#;
    }
}

choice! {
    /// Who gets large pages.
    TransparentEnabled { Always = "always", Madvise = "madvise", Never = "never" }
    /// How much is done to have one.
    TransparentDefrag { Always = "always", Defer = "defer", DeferMadvise = "defer+madvise", Madvise = "madvise", Never = "never" }
}

checked_text! {
    /// A size of page.
    PageSize = check_page_size, "a size of page like \"2Mi\" or \"1Gi\"";
}

fn check_page_size(text: &str) -> Result<(), String> {
    let number = ["Ki", "Mi", "Gi"].iter().find_map(|unit| text.strip_suffix(unit));
    must(
        number.is_some_and(|n| n.parse::<u32>().is_ok_and(u32::is_power_of_two) && !n.starts_with(['+', '0'])),
        "this is not a size of page",
    )
}

/// How many pages: in all, or on each NUMA node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "String")]
pub struct PageCount(String);

impl PageCount {
    /// As the kernel's `hugepages=` takes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<Value> for PageCount {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let text = value.as_str().map(str::to_owned).or_else(|| value.as_u64().map(|n| n.to_string())).unwrap_or_default();
        must(is_count(&text) || text.split(',').all(is_node_count), "this is not a number of pages")?;
        Ok(Self(text))
    }
}

impl From<PageCount> for String {
    fn from(count: PageCount) -> Self {
        count.0
    }
}

fn is_count(text: &str) -> bool {
    (1..=10).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_node_count(text: &str) -> bool {
    text.split_once(':').is_some_and(|(node, count)| is_count(node) && is_count(count))
}

impl Described for PageCount {
    const ALLOWED: &'static str = "a number, or NODE:NUMBER with commas between them, for example \"0:256,1:256\"";

    fn schema() -> Value {
        json!({ "anyOf": [{ "type": "integer", "minimum": 0 }, { "type": "string" }] })
    }
}

/// The setting that stands among the sizes.
pub(crate) const STATIC_KEYS: &[Key] = &[Key::of::<bool>(
    "kernel.hugepages.static.essential",
    "Whether the boot fails if fewer large pages could be set aside than these settings say.",
    "true",
)];
