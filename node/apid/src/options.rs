//! Where things are and how long they may take; all of it can be moved, so that the program runs in a test as it does on a node.

use ampoule_confirm::Trial;
use std::path::PathBuf;

/// Paths and limits of the program.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// The API's socket.
    pub(crate) socket: PathBuf,
    /// Folder of the generations.
    pub(crate) state: PathBuf,
    /// Put before the path of every file made from settings.
    pub(crate) root: PathBuf,
    /// User data, first to last; a later one wins. A folder stands for the files in it, in the order of their names.
    pub(crate) user_data: Vec<PathBuf>,
    /// Values that the node made for keys that nobody set.
    pub(crate) generated: PathBuf,
    /// The image's variant.
    pub(crate) variant: PathBuf,
    /// The image's os-release.
    pub(crate) os_release: PathBuf,
    /// The authorities that the image trusts, as PEM.
    pub(crate) certificates: PathBuf,
    /// `init`'s control socket.
    pub(crate) init: PathBuf,
    /// Where the kernel says which boot this is.
    pub(crate) boot_id: PathBuf,
    /// Longest a service may take to be ready after it was told, in milliseconds.
    pub(crate) settle_ms: u64,
    /// How long services must stay ready before a change is confirmed, in milliseconds.
    pub(crate) probation_ms: u64,
    /// Folder of the other services' sockets.
    pub(crate) run: PathBuf,
    /// Steps between forms of settings, beyond those that were compiled in: how a test plays a later version.
    pub(crate) steps: Option<PathBuf>,
}

/// A word of the command line that means nothing.
#[derive(Debug, thiserror::Error)]
#[error(
    "Unknown option {0}; there are --socket --state --root --user-data --generated --variant --os-release --certificates --init --boot-id --run --steps, each followed by a path, and --settle-ms --probation-ms, each followed by a number"
)]
pub(crate) struct UnknownOption(String);

impl Default for Options {
    fn default() -> Self {
        Self {
            socket: "/run/ampoule/apid/api.sock".into(),
            state: "/state/settings".into(),
            root: "/".into(),
            user_data: vec!["/run/ampoule/provision/user-data".into()],
            generated: "/run/ampoule/provision/generated.json".into(),
            variant: "/usr/lib/ampoule/variant.toml".into(),
            os_release: "/usr/lib/os-release".into(),
            certificates: "/usr/share/ca-certificates/ca-bundle.crt".into(),
            init: ampoule_initctl::SOCKET.into(),
            boot_id: "/proc/sys/kernel/random/boot_id".into(),
            settle_ms: ampoule_confirm::SETTLE_MS,
            probation_ms: ampoule_confirm::PROBATION_MS,
            run: "/run/ampoule".into(),
            steps: None,
        }
    }
}

impl Options {
    /// Reads the command line.
    ///
    /// # Errors
    /// An option that does not exist or has nothing fitting behind it.
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, UnknownOption> {
        let mut options = Self::default();
        while let Some(word) = words.next() {
            let Some(value) = words.next() else { return Err(UnknownOption(word)) };
            if let Some(limit) = options.limit(&word) {
                *limit = value.parse().map_err(|_| UnknownOption(word))?;
                continue;
            }
            let path = PathBuf::from(value);
            match word.as_str() {
                "--socket" => options.socket = path,
                "--state" => options.state = path,
                "--root" => options.root = path,
                "--user-data" => options.user_data = vec![path],
                "--generated" => options.generated = path,
                "--variant" => options.variant = path,
                "--os-release" => options.os_release = path,
                "--certificates" => options.certificates = path,
                "--init" => options.init = path,
                "--boot-id" => options.boot_id = path,
                "--run" => options.run = path,
                "--steps" => options.steps = Some(path),
                _ => return Err(UnknownOption(word)),
            }
        }
        Ok(options)
    }

    fn limit(&mut self, word: &str) -> Option<&mut u64> {
        match word {
            "--settle-ms" => Some(&mut self.settle_ms),
            "--probation-ms" => Some(&mut self.probation_ms),
            _ => None,
        }
    }

    /// The trial of a change that asks for no other.
    pub(crate) fn probation(&self) -> Trial {
        Trial { window_ms: self.probation_ms, ..Trial::PROBATION }
    }
}
