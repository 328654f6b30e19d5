//! What runs: version, variant, architecture, root.

use crate::error::UpdateError;
use crate::places::Places;
use ampoule_layout::{CommandLine, RootHash};
use ampoule_update::loader::{Image, order_of};
use semver::Version;

/// What runs.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) version: Version,
    pub(crate) variant: String,
    pub(crate) arch: &'static str,
    pub(crate) root_hash: RootHash,
    pub(crate) root_blocks: u64,
    /// What the boot loader orders its image by.
    pub(crate) order: String,
    /// Whether the loader's entry with boot parameters was started.
    pub(crate) through_parameters: bool,
}

impl Identity {
    pub(crate) fn read(places: &Places) -> Result<Self, UpdateError> {
        let text = |path: &str| {
            let path = places.below(path);
            std::fs::read_to_string(&path).map_err(|source| UpdateError::Io { what: "read", path, source })
        };
        let release = text("/usr/lib/os-release")?;
        let line: CommandLine = text("/proc/cmdline")?.trim().parse().map_err(UpdateError::CommandLine)?;
        let version = field(&release, "VERSION_ID");
        Ok(Self {
            version: version.parse().map_err(|_| UpdateError::Version(version.to_owned()))?,
            variant: field(&release, "VARIANT_ID").to_owned(),
            arch: std::env::consts::ARCH,
            root_hash: line.root.root_hash,
            root_blocks: line.root.blocks,
            order: order_of(&release),
            through_parameters: !line.extra.is_empty(),
        })
    }

    pub(crate) fn image(&self) -> Image {
        Image { version: self.version.clone(), order: self.order.clone() }
    }
}

/// A value of os-release(5).
pub(crate) fn field<'t>(release: &'t str, key: &str) -> &'t str {
    let value = release.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    value.unwrap_or_default().trim().trim_matches(['"', '\''])
}
