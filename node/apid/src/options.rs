//! Where things are; every path can be moved, so that the program runs in a test as it does on a node.

use std::path::PathBuf;

/// Paths of the program.
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
    /// The image's variant.
    pub(crate) variant: PathBuf,
    /// The image's os-release.
    pub(crate) os_release: PathBuf,
    /// `init`'s control socket.
    pub(crate) init: PathBuf,
    /// Where the kernel says which boot this is.
    pub(crate) boot_id: PathBuf,
    /// Folder of the other services' sockets.
    pub(crate) run: PathBuf,
}

/// A word of the command line that means nothing.
#[derive(Debug, thiserror::Error)]
#[error(
    "Unknown option {0}; there are --socket --state --root --user-data --variant --os-release --init --boot-id --run, each followed by a path"
)]
pub(crate) struct UnknownOption(String);

impl Default for Options {
    fn default() -> Self {
        Self {
            socket: "/run/api.sock".into(),
            state: "/state/settings".into(),
            root: "/".into(),
            user_data: vec!["/run/ampoule/provision/user-data".into()],
            variant: "/usr/lib/ampoule/variant.toml".into(),
            os_release: "/usr/lib/os-release".into(),
            init: ampoule_initctl::SOCKET.into(),
            boot_id: "/proc/sys/kernel/random/boot_id".into(),
            run: "/run/ampoule".into(),
        }
    }
}

impl Options {
    /// Reads the command line.
    ///
    /// # Errors
    /// An option that does not exist or has no path behind it.
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, UnknownOption> {
        let mut options = Self::default();
        while let Some(word) = words.next() {
            let Some(path) = words.next().map(PathBuf::from) else { return Err(UnknownOption(word)) };
            match word.as_str() {
                "--socket" => options.socket = path,
                "--state" => options.state = path,
                "--root" => options.root = path,
                "--user-data" => options.user_data = vec![path],
                "--variant" => options.variant = path,
                "--os-release" => options.os_release = path,
                "--init" => options.init = path,
                "--boot-id" => options.boot_id = path,
                "--run" => options.run = path,
                _ => return Err(UnknownOption(word)),
            }
        }
        Ok(options)
    }
}
