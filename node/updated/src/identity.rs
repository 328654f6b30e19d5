//! What runs: version, variant, architecture, root.

use crate::error::UpdateError;
use crate::places::Places;
use ampoule_layout::{CommandLine, RootHash, os_release_value};
use ampoule_update::loader::{Image, order_of};
use semver::Version;

/// A number that the kernel draws at each boot (Linux, `Documentation/admin-guide/sysctl/kernel.rst`, random).
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

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
    /// The kernel's name of this boot; empty: not known.
    pub(crate) boot: String,
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
        let field = |name: &str| os_release_value(&release, name).unwrap_or_default();
        let boot = text(BOOT_ID).unwrap_or_default().trim().to_owned();
        let version = field("VERSION_ID");
        Ok(Self {
            version: version.parse().map_err(|_| UpdateError::Version(version.to_owned()))?,
            variant: field("VARIANT_ID").to_owned(),
            arch: std::env::consts::ARCH,
            root_hash: line.root.root_hash,
            root_blocks: line.root.blocks,
            order: order_of(&release),
            boot,
            through_parameters: !line.extra.is_empty(),
        })
    }

    pub(crate) fn image(&self) -> Image {
        Image { version: self.version.clone(), order: self.order.clone() }
    }
}
