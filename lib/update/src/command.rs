//! What is asked of the updater over its socket: one line of JSON in, one line of JSON out, then the connection is closed.

use serde::{Deserialize, Serialize};

/// Where the socket is on a node.
pub const SOCKET: &str = "/run/ampoule/updated/command";

/// Longest request, in bytes with its end of line.
pub const MAX_REQUEST: usize = 4096;

/// Longest answer, in bytes with its end of line.
pub const MAX_ANSWER: usize = 1024 * 1024;

/// What is asked. `refresh` and `prepare` are answered when they have begun; how they end is in the status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case")]
pub enum Request {
    /// How it stands (`api/types`: `v1::Updates`).
    Status,
    /// Looks for updates.
    Refresh,
    /// Writes the chosen update to the idle slot.
    Prepare,
    /// Makes the staged update what the next boot runs.
    Activate,
    /// Takes that back.
    Deactivate,
    /// Goes back to the version before, by a reboot.
    Rollback,
    /// What the chosen update would cost (`api/types`: `v1::UpdatePlan`).
    Plan,
    /// Forgets that a version was bad.
    Forgive {
        /// Which.
        version: String,
    },
}

/// What comes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer<T> {
    /// Done, or begun. `null` where there is nothing to say.
    Ok(T),
    /// Not done.
    Refused(Refusal),
}

/// Why a request was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// For a program.
    pub code: RefusalCode,
    /// For a person: what is wrong.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Refusal {
    /// A refusal in words.
    #[must_use]
    pub fn new(code: RefusalCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None }
    }

    /// What is wrong, and what to do about it in parentheses.
    #[must_use]
    pub fn in_words(&self) -> String {
        self.hint.as_ref().map_or_else(|| self.message.clone(), |hint| format!("{} ({hint})", self.message))
    }
}

/// The kind of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalCode {
    /// Another command runs.
    Busy,
    /// Not in this state.
    State,
    /// There is no update (or none was looked for yet).
    NoUpdate,
    /// There is no such version to forgive, or nothing to go back to.
    NotFound,
    /// It was tried and went wrong.
    Failed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_of_the_contract() {
        let line = |request: &Request| serde_json::to_string(request).expect("JSON");
        assert_eq!(line(&Request::Refresh), r#"{"command":"refresh"}"#);
        assert_eq!(line(&Request::Forgive { version: "1.2.3".into() }), r#"{"command":"forgive","version":"1.2.3"}"#);
        let refused = Answer::<()>::Refused(Refusal::new(RefusalCode::NoUpdate, "there is none"));
        assert_eq!(serde_json::to_string(&refused).expect("JSON"), r#"{"refused":{"code":"no-update","message":"there is none"}}"#);
        assert_eq!(serde_json::to_string(&Answer::Ok(())).expect("JSON"), r#"{"ok":null}"#);
        let with_hint = Refusal { hint: Some("wait".into()), ..Refusal::new(RefusalCode::Failed, "it is away") };
        assert_eq!(serde_json::to_string(&with_hint).expect("JSON"), r#"{"code":"failed","message":"it is away","hint":"wait"}"#);
        assert_eq!((with_hint.in_words().as_str(), Refusal::new(RefusalCode::Busy, "so").in_words().as_str()), ("it is away (wait)", "so"));
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for wrong in ["", "{}", r#"{"command":"format"}"#, r#"{"command":"forgive"}"#, "[]"] {
            assert!(serde_json::from_str::<Request>(wrong).is_err(), "{wrong}");
        }
    }
}
