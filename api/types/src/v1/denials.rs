//! `GET /v1/denials`; also what `logd` writes to its status socket, there without names of workloads.

use serde::{Deserialize, Serialize};

/// What the kernel refused since it started, each kind once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct DenialList {
    /// What was seen last comes first.
    pub denials: Vec<Denial>,
    /// Denials that are in none of them, because one source had too many kinds, there were too many in all, or they came faster than they could be read.
    pub left_out: u64,
}

/// Who refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum DenialKind {
    /// The SELinux policy refused an access.
    #[default]
    Access,
    /// The list of system calls of workloads refused a call, which was answered with an error. Only calls are told that no program makes as a matter of course.
    CallRefused,
    /// A list of system calls ended the process.
    ProcessEnded,
    /// A kind of a newer node.
    #[serde(other)]
    Unknown,
}

/// One kind of denial: by whom, of what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct Denial {
    /// Who refused.
    #[serde(default)]
    pub kind: DenialKind,
    /// How often the kernel told of it.
    pub count: u64,
    /// When it told of it first, in milliseconds since 1970 by the node's clock.
    pub first_ms: u64,
    /// When it told of it last.
    pub last_ms: u64,
    /// The last process, by its number on the node.
    pub pid: Option<u32>,
    /// Its name, which it chooses itself: any text.
    pub process: String,
    /// Its SELinux domain; absent where no policy is loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// Its SELinux level: that of a workload names the workload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// The workload that has this level now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<String>,
    /// Name or path of the last target, as far as the kernel tells: any text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// SELinux type of the target; absent for a system call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_type: Option<String>,
    /// The system call that was refused, by name; absent for others, and where the process was ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// What the target is: `file`, `tcp_socket`, …; `system_call` where a list of system calls refused a call or ended the process.
    pub class: String,
    /// What was wanted of it; for a system call its number.
    pub permissions: Vec<String>,
    /// It was noted and not refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub permissive: bool,
    /// What would allow it: a rule in CIL, an entry of a list of system calls, or why no rule would.
    pub rule: String,
}
