//! Manifests for tests.

use ampoule_layout::RootHash;
use semver::Version;

use crate::manifest::{Images, Manifest, Sizes, Update};
use crate::target::{TargetKind, TargetName};
use crate::waves::Waves;

/// An update of the variant `standalone` for `x86_64`, without waves.
pub(crate) fn update(version: &str) -> Update {
    let version: Version = version.parse().expect("a version");
    let name = |kind| TargetName::of("standalone", "x86_64", &version, kind).expect("a name");
    Update {
        variant: "standalone".to_owned(),
        arch: "x86_64".to_owned(),
        max_version: version.clone(),
        waves: Waves::default(),
        images: Images {
            boot: name(TargetKind::Boot),
            root: name(TargetKind::Root),
            hash: name(TargetKind::Hash),
            loader: name(TargetKind::Loader),
        },
        root_hash: RootHash::from_bytes([7; 32]),
        root_blocks: 12_588,
        size: Sizes { root: 51_560_448, hash: 413_696, boot: 7_413_760, loader: 100_000 },
        kernel: None,
        version,
    }
}

/// A manifest with these versions, of which the last is the newest that nodes shall run.
pub(crate) fn manifest(versions: &[&str]) -> Manifest {
    let newest: Version = versions.last().expect("a version").parse().expect("a version");
    let updates = versions.iter().map(|version| Update { max_version: newest.clone(), ..update(version) });
    Manifest { updates: updates.collect(), ..Manifest::default() }
}
