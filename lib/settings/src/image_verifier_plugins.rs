//! `image-verifier-plugins`: who has to agree before an image is used.

use crate::checked_text::{checked_text, must};
use crate::key::Key;
use crate::namespace::namespace;
use crate::types::Base64;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the namespace is for.
pub(crate) const ABOUT: &str = "Programs that have to agree before an image is used, each under its name.";

/// The namespace: its own settings, and those of each plugin under its name beside them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageVerifierPlugins {
    /// Whether they are asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// The plugins, by name.
    #[serde(flatten)]
    pub plugins: BTreeMap<PluginName, Plugin>,
}

namespace! {
    /// A program that verifies images.
    Plugin "image-verifier-plugins.*" named PluginName = "notation"
    keys {
        /// Whom it trusts: its own policy, in base64.
        trustpolicy "trustpolicy": Base64, r#""e30=""#;
    }
}

checked_text! {
    /// The name of a plugin.
    PluginName = check_plugin_name, "1 to 76 letters, digits and `-`, and not \"enabled\"";
}

fn check_plugin_name(text: &str) -> Result<(), String> {
    let right = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    must(right && (1..=76).contains(&text.len()) && text != "enabled", "this is not the name of a plugin")
}

/// The settings of all plugins.
pub(crate) const KEYS: &[Key] =
    &[Key::of::<bool>("image-verifier-plugins.enabled", "Whether images are verified before they are used.", "true")];
