//! `GET /v1/events`: what happens to the settings and the version, as server-sent events (WHATWG HTML, section "Server-sent events").
//!
//! Each has its number as `id`; a client that comes back with `Last-Event-ID` gets what came since. Numbers begin anew with the API server; its first event is `started`.

use serde::{Deserialize, Serialize};

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct Event {
    /// Counts up from 1.
    pub id: u64,
    /// When, in milliseconds since 1970.
    pub time_ms: u64,
    /// What.
    #[serde(flatten)]
    pub what: EventKind,
}

/// What happened. No value of a setting is in any of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", tag = "kind")]
pub enum EventKind {
    /// The API server started with this generation in force.
    Started {
        /// Which.
        generation: u64,
    },
    /// A generation was made.
    Committed {
        /// Which.
        generation: u64,
        /// By whom.
        author: String,
        /// Settings that it set or removed.
        keys: Vec<String>,
    },
    /// An apply came to a state.
    Apply {
        /// Which.
        apply: u64,
        /// Its generation.
        generation: u64,
        /// The state.
        state: super::ApplyState,
    },
    /// A generation is good.
    Confirmed {
        /// Which.
        generation: u64,
        /// Who said so; `node` for one that stayed healthy.
        by: String,
    },
    /// A generation was taken back.
    RolledBack {
        /// Which.
        of: u64,
        /// The generation that is in force now.
        generation: u64,
        /// Why.
        reason: String,
    },
    /// A certificate in the settings ends soon, or has ended.
    CertificateExpires {
        /// Which, as a dotted key with `settings.` in front.
        setting: String,
        /// When it ends, in milliseconds since 1970.
        ends_ms: u64,
    },
    /// An update came to another state, or the running version did.
    Update {
        /// Where the update is.
        state: crate::UpdateState,
        /// The version it is about.
        version: Option<String>,
        /// How the running version stands.
        boot: super::BootTrialState,
    },
    /// Events before this were dropped, because nobody came for them in time.
    Missed {
        /// How many.
        count: u64,
    },
    /// Something that a newer node tells.
    #[serde(other)]
    Unknown,
}
