//! The OpenAPI document of the node API, made from its types and operations, and what a change of it would break.

mod compatibility;
mod document;
mod schemas;

pub use compatibility::incompatibilities;
pub use document::document;

/// Where the document of this source stands, from the repository's root.
pub const DOCUMENT: &str = "docs/reference/openapi.json";

/// Where the document of the last release stands.
pub const FROZEN: &str = "docs/reference/openapi.frozen.json";

/// A document as it stands in its file.
#[must_use]
pub fn to_text(document: &serde_json::Value) -> String {
    format!("{document:#}\n")
}
