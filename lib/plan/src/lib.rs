//! From two [`Settings`] to everything that lies between them.
//!
//! A plan is a pure function of what is, what shall be and the image: whoever holds one knows every file that will differ and every service that will be told, before anything is
//! done. What a setting leads to is in the module of its namespace; [`effects`] is the list of all.

mod again;
mod boot;
mod container_registry;
mod diff;
mod dns;
mod effect;
mod file;
mod image;
mod kernel;
mod keys;
mod metrics;
mod motd;
mod network;
pub mod ntp;
mod oci_defaults;
mod pki;
mod render;
mod text;
mod updates;
mod workload_checks;
mod workloads;

use ampoule_settings::{Fragment, Settings};
pub use diff::{Change, FileChange, ServiceAction};
pub use effect::{Effect, effects, effects_of, effects_within};
pub use file::{Action, File, Files, Reader};
pub use image::Image;
pub use kernel::sysctl_links;
pub use keys::{KeyChange, Reason, When};
pub use render::render;
use serde::Serialize;
use sha2::{Digest, Sha256};
pub use workloads::{WorkloadChange, WorkloadFate};

/// Settings in both of their forms: key by key, and typed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    /// Key by key, defaults included.
    pub whole: Fragment,
    /// Typed.
    pub settings: Settings,
}

/// What a change does.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Plan {
    /// Hex SHA-256 over what it starts from and everything it would do. A plan made later from the same start to the same end has the same id; if anything it rests on moved, another.
    pub id: String,
    /// Settings that differ, by key.
    pub keys: Vec<KeyChange>,
    /// Files that differ, by path.
    pub files: Vec<FileChange>,
    /// Services that are told, by name.
    pub services: Vec<ServiceAction>,
    /// Workloads that the change concerns, by name.
    pub workloads: Vec<WorkloadChange>,
    /// Whether the remote API is opened, closed or changed.
    pub remote_api: bool,
    /// Settings that have effect at the next boot only, and why.
    pub reboot: Vec<Reason>,
    /// Settings after which the node may be out of reach for whoever changes them, and why.
    pub access: Vec<Reason>,
    /// Settings that nothing on this image reads.
    pub without_effect: Vec<String>,
}

impl Plan {
    /// What lies between `old` (`None`: a node where no file was made yet) and `new`.
    #[must_use]
    pub fn between(image: &Image, old: Option<&State>, new: &State) -> Self {
        let nothing = State::default();
        let known = old.unwrap_or(&nothing);
        let before = old.map(|o| render(image, &o.settings)).unwrap_or_default();
        let files = diff::files(&before, &render(image, &new.settings));
        let keys = keys::changes(image, &known.whole, &new.whole);
        Self {
            id: digest(known, new, &files),
            services: diff::services(&files, &before),
            workloads: if image.has("hostd") { workloads::changes(&known.settings, &new.settings) } else { Vec::new() },
            remote_api: known.settings.api != new.settings.api,
            reboot: keys::reboots(&keys),
            access: keys::access(&known.whole, &new.whole, &keys),
            without_effect: keys.iter().filter(|k| k.effect == When::Never).map(|k| k.key.clone()).collect(),
            files,
            keys,
        }
    }

    /// Whether nothing would be done on the node now.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && !self.remote_api
    }
}

fn digest(old: &State, new: &State, files: &[FileChange]) -> String {
    let mut sum = Sha256::new();
    let mut part = |bytes: &[u8]| {
        // Lengths first, so that no two lists make the same bytes.
        sum.update((bytes.len() as u64).to_le_bytes());
        sum.update(bytes);
    };
    for state in [old, new] {
        part(state.whole.to_json().to_string().as_bytes());
    }
    for FileChange { path, file, .. } in files {
        part(path.as_bytes());
        part(file.as_ref().map(|f| f.content.as_slice()).unwrap_or_default());
    }
    ampoule_base::hex(&sum.finalize())
}
