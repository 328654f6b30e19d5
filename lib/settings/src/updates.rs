//! `updates`: where new versions come from, and when.

use crate::namespace::namespace;
use crate::types::{FriendlyVersion, Url};

namespace! {
    /// Where new versions come from, and when this node takes them.
    Updates "updates"
    keys {
        /// Where the signed metadata of the update repository is.
        metadata_base_url "metadata-base-url": Url, r#""https://updates.example/metadata/""#;
        /// Where the images that the metadata names are.
        targets_base_url "targets-base-url": Url, r#""https://updates.example/targets/""#;
        /// The node's place in the waves of an update: nodes with a small number take it earlier. Generated at first boot.
        seed "seed": u32, "1024";
        /// The version to update to: `latest`, or one that is named.
        version_lock "version-lock": FriendlyVersion, r#""latest""#;
        /// Whether to take a new version at once instead of when its wave reaches this node.
        ignore_waves "ignore-waves": bool, "false";
    }
}
