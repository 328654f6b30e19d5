//! `container-runtime`: how the container engine of the orchestrator works.

use crate::checked_text::must;
use crate::choice::choice;
use crate::key::Key;
use crate::namespace::namespace;
use crate::{Described, number::bounded_number};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

namespace! {
    /// How the container engine of the orchestrator works.
    ContainerRuntime "container-runtime"
    keys {
        /// Longest line of a container's output, in bytes; longer ones are divided. -1 is no limit.
        max_container_log_line_size "max-container-log-line-size": i32, "16384";
        /// How many layers of an image are fetched at once.
        max_concurrent_downloads "max-concurrent-downloads": i32, "3";
        /// Size of the parts in which a layer is fetched, several at once.
        concurrent_download_chunk_size "concurrent-download-chunk-size": ChunkSize, r#""8mib""#;
        /// How many layers of an image are unpacked at once.
        max_concurrent_unpacks "max-concurrent-unpacks": UnpackCount, "2";
        /// Whether a container without the capability may listen on ports below 1024.
        enable_unprivileged_ports "enable-unprivileged-ports": bool, "true";
        /// Whether a container without the capability may send ICMP echo requests.
        enable_unprivileged_icmp "enable-unprivileged-icmp": bool, "true";
        /// Who keeps the layers of images. A change takes effect at the next boot, which removes all images.
        snapshotter "snapshotter": Snapshotter, r#""overlayfs""#;
    }
}

choice! {
    /// Who keeps the layers of images.
    Snapshotter { Overlayfs = "overlayfs", Soci = "soci" }
}

bounded_number! {
    /// How many layers are unpacked at once.
    UnpackCount = 1, i32::MAX as i64, "a whole number, 1 or more";
}

/// Bottlerocket's earlier name.
pub(crate) const ALIASES: &[Key] = &[Key::of::<ChunkSize>(
    "container-runtime.concurrent-layer-fetch-buffer",
    "Another name of `concurrent-download-chunk-size`.",
    r#""8mib""#,
)
.alias_of("container-runtime.concurrent-download-chunk-size")];

/// A number of bytes: a number, or a text with a unit in letters of any case (`kb` is 1000, `kib` 1024).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub struct ChunkSize {
    written: Value,
    bytes: u64,
}

impl ChunkSize {
    /// In bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl TryFrom<Value> for ChunkSize {
    type Error = String;

    fn try_from(written: Value) -> Result<Self, String> {
        let bytes = written.as_str().map_or_else(|| written.as_u64(), bytes_of).filter(|bytes| i64::try_from(*bytes).is_ok());
        must(bytes.is_some_and(|bytes| bytes > 0), "this is not a size")?;
        Ok(Self { written, bytes: bytes.unwrap_or_default() })
    }
}

impl From<ChunkSize> for Value {
    fn from(size: ChunkSize) -> Self {
        size.written
    }
}

fn bytes_of(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "ki" | "kib" => 1 << 10,
        "mi" | "mib" => 1 << 20,
        "gi" | "gib" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

impl Described for ChunkSize {
    const ALLOWED: &'static str = "a number of bytes, or a text with a unit, for example \"8mib\"";

    fn schema() -> Value {
        json!({ "anyOf": [{ "type": "integer", "minimum": 1 }, { "type": "string" }] })
    }
}
