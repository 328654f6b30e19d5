//! What happens to each setting, in words that may be shown.

use crate::{Image, effects_of};
use ampoule_settings::{Fragment, is_secret, path};
use serde::Serialize;
use serde_json::Value;

/// A setting that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct KeyChange {
    /// Dotted, without `settings.`.
    pub key: String,
    /// The value before; absent if there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<Value>,
    /// The value after; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<Value>,
    /// Whether the values are secrets, and so not shown.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
    /// When it has effect.
    pub effect: When,
}

/// When a change has effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// As soon as it is applied.
    Now,
    /// At the next boot.
    AtReboot,
    /// Not on this image: it is stored, and nothing reads it.
    Never,
}

/// A setting with a reason beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// Dotted, without `settings.`.
    pub key: String,
    /// Why it is named.
    pub why: String,
}

/// In place of a secret.
const HIDDEN: &str = "(secret)";

pub(crate) fn changes(image: &Image, old: &Fragment, new: &Fragment) -> Vec<KeyChange> {
    old.differing(new).into_iter().map(|key| change(image, key, old, new)).collect()
}

fn change(image: &Image, key: String, old: &Fragment, new: &Fragment) -> KeyChange {
    let secret = is_secret(&key);
    let shown = |f: &Fragment| f.get(&key).map(|v| if secret { Value::from(HIDDEN) } else { v.clone() });
    KeyChange { old: shown(old), new: shown(new), secret, effect: when(image, &key, old, new), key }
}

fn when(image: &Image, key: &str, old: &Fragment, new: &Fragment) -> When {
    let mut effects = effects_of(key).filter(|e| e.reader.is_none_or(|r| image.has(r.service))).peekable();
    if effects.peek().is_none() {
        return When::Never;
    }
    let waits = lockdown_goes_down(key, old, new) || effects.all(|e| e.at_reboot.is_some());
    if waits { When::AtReboot } else { When::Now }
}

/// A running kernel goes up only (`kernel_lockdown(7)`).
fn lockdown_goes_down(key: &str, old: &Fragment, new: &Fragment) -> bool {
    let height = |f: &Fragment| match f.get(key).and_then(Value::as_str) {
        Some("none") => 0,
        Some("confidentiality") => 2,
        // What the image boots with.
        _ => 1,
    };
    key == "kernel.lockdown" && height(new) < height(old)
}

pub(crate) fn reboots(changes: &[KeyChange]) -> Vec<Reason> {
    let waiting = changes.iter().filter(|c| c.effect == When::AtReboot);
    waiting
        .map(|c| {
            let why = effects_of(&c.key).find_map(|e| e.at_reboot);
            Reason { key: c.key.clone(), why: why.unwrap_or("lockdown of a running kernel can only go up").to_owned() }
        })
        .collect()
}

/// Changes after which whoever made them may not reach the node any more.
pub(crate) fn access(old: &Fragment, new: &Fragment, changes: &[KeyChange]) -> Vec<Reason> {
    let is_open = |f: &Fragment| f.get("api.remote.enabled").and_then(Value::as_bool).unwrap_or_default();
    let remote = match (is_open(old), is_open(new)) {
        (true, false) => "the remote API is closed",
        (true, true) => "the remote API answers with other certificates or on another port, or trusts other clients",
        (false, _) => "",
    };
    let why = |key: &str| match key {
        _ if path::covers("api.remote", key) => remote,
        _ if key.starts_with("kernel.sysctl.\"net") => "it changes how the kernel treats the network",
        "kernel.modules" => "",
        _ if path::covers("dns", key) => "clients that the node reaches by name may be lost",
        _ => "",
    };
    changes
        .iter()
        .map(|c| (c, why(&c.key)))
        .filter(|(_, w)| !w.is_empty())
        .map(|(c, w)| Reason { key: c.key.clone(), why: w.into() })
        .collect()
}
