//! `bootstrap-commands`: settings that the node changes while it boots.

use crate::namespace::namespace;
use crate::types::BootstrapMode;
use crate::{Described, SettingError};
use ampoule_base::Identifier;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// All bootstrap commands, by name.
pub type BootstrapCommands = BTreeMap<Identifier, BootstrapCommand>;

/// What the namespace is for.
pub(crate) const ABOUT: &str = "Calls of the node's own API while it boots, before its containers run.";

namespace! {
    /// Calls of the API while the node boots.
    BootstrapCommand "bootstrap-commands.*" named Identifier = "greet"
    keys {
        /// The calls, first to last.
        commands "commands": Vec<ApiclientCommand>, r#"[["apiclient", "set", "motd=hello"]]"#;
        /// When they are done: `off`, `once` (at the next boot, which then sets `off`) or `always`. Without one they are not.
        mode "mode": BootstrapMode, r#""once""#;
        /// Whether the boot fails when one of them does.
        essential "essential": bool, "false";
    }
}

/// A call of the API. Proves: the first word is `apiclient`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct ApiclientCommand(Vec<String>);

impl ApiclientCommand {
    /// The words behind `apiclient`.
    #[must_use]
    pub fn arguments(&self) -> &[String] {
        self.0.get(1..).unwrap_or_default()
    }
}

impl TryFrom<Vec<String>> for ApiclientCommand {
    type Error = String;

    fn try_from(words: Vec<String>) -> Result<Self, String> {
        match words.first().map(String::as_str) {
            Some("apiclient") => Ok(Self(words)),
            _ => Err("a command begins with the word \"apiclient\": nothing else can be run here".to_owned()),
        }
    }
}

impl From<ApiclientCommand> for Vec<String> {
    fn from(command: ApiclientCommand) -> Self {
        command.0
    }
}

impl Described for ApiclientCommand {
    const ALLOWED: &'static str = "a list of words, the first of them \"apiclient\"";
    const LIST: &'static str = "a list, each a list of words, the first of them \"apiclient\"";

    fn schema() -> Value {
        json!({ "type": "array", "items": { "type": "string" }, "prefixItems": [{ "const": "apiclient" }], "minItems": 1 })
    }
}

/// What shall be done needs commands.
pub(crate) fn check_together(commands: &BootstrapCommands, errors: &mut Vec<SettingError>) {
    for (name, command) in commands {
        let runs = command.mode.is_some_and(|mode| mode != BootstrapMode::Off);
        if runs && command.commands.as_ref().is_none_or(Vec::is_empty) {
            let key = format!("bootstrap-commands.{name}.commands");
            errors.push(SettingError::value(&key, "there is nothing to do", "set it, or `mode = \"off\"`"));
        }
    }
}
