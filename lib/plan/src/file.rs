//! A file made from settings.

use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// All files of some settings, by absolute path.
pub type Files = BTreeMap<String, File>;

/// A file made from settings.
#[derive(Clone, PartialEq, Eq)]
pub struct File {
    /// Permission bits. A file that only its owner can read holds secrets, and its content is shown to nobody.
    pub mode: u32,
    /// Content.
    pub content: Vec<u8>,
    /// The service that must be told; `None`: whoever reads it reads it each time.
    pub reader: Option<Reader>,
}

/// Who must be told of a changed file, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Reader {
    /// The service.
    pub service: &'static str,
    /// What is done.
    pub action: Action,
}

/// What is done with a service. The order is that of strength: a restart does what a reload does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It reads its files again; a service that does one thing and ends does it again.
    Reload,
    /// It ends and starts.
    Restart,
}

impl Reader {
    /// A service that reads its files again when asked.
    pub(crate) const fn reload(service: &'static str) -> Option<Self> {
        Some(Self { service, action: Action::Reload })
    }

    /// A service that must start anew.
    pub(crate) const fn restart(service: &'static str) -> Option<Self> {
        Some(Self { service, action: Action::Restart })
    }
}

impl File {
    /// One that everybody on the node may read.
    pub(crate) fn open(content: impl Into<Vec<u8>>, reader: Option<Reader>) -> Self {
        Self { mode: 0o644, content: content.into(), reader }
    }

    /// One that may hold secrets.
    pub(crate) fn private(content: impl Into<Vec<u8>>, reader: Option<Reader>) -> Self {
        Self { mode: 0o600, content: content.into(), reader }
    }

    /// Whether the content may be shown.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.mode & 0o077 == 0
    }
}

/// Content may hold secrets, so a debug print has only its size.
impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "File {{ mode: {:o}, {} bytes }}", self.mode, self.content.len())
    }
}

/// As JSON. Plain values always serialise.
pub(crate) fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}
