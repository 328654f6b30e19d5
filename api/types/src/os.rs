//! `GET /os`.

use serde::{Deserialize, Serialize};

/// What the node runs. Field names are snake case, as Bottlerocket has them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
// With a prefix only some fields are answered, so the schema promises none.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(default))]
pub struct OsInfo {
    /// Name and version for a person.
    pub pretty_name: String,
    /// Variant of the image.
    pub variant_id: String,
    /// Version of the image.
    pub version_id: String,
    /// What was built, usually a commit.
    pub build_id: String,
    /// Machine architecture (`x86_64`).
    pub arch: String,
}
