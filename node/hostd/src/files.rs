//! Small helpers around files of the node.

use std::{io, path::Path};

use crate::error::HostError;

/// The content of a file of at most `max` bytes; `None` if there is no file. All that are read so are small and in memory.
pub(crate) fn read_bounded(path: &Path, max: u64) -> Result<Option<Vec<u8>>, HostError> {
    ampoule_files::read(path, max).map_err(HostError::file("read", path))
}

/// Writes a file so that a reader sees the old content or the new, never half of it.
pub(crate) fn write_whole(path: &Path, content: &[u8]) -> Result<(), HostError> {
    ampoule_files::replace(path, content, 0o644).map_err(HostError::file("write", path))
}

/// Makes a folder and those above it.
pub(crate) fn make_folder(path: &Path) -> Result<(), HostError> {
    std::fs::create_dir_all(path).map_err(HostError::file("make the folder", path))
}

/// Reads JSON that may hold secrets. The error says where it is wrong and never what stands there.
pub(crate) fn parse_secret<T: serde::de::DeserializeOwned>(path: &Path, text: &[u8]) -> Result<T, HostError> {
    serde_json::from_slice(text).map_err(|error| HostError::file("understand", path)(io::Error::other(place(&error))))
}

fn place(error: &serde_json::Error) -> String {
    let kind = match error.classify() {
        serde_json::error::Category::Data => "not of the expected form",
        _ => "not JSON",
    };
    format!("{kind} at line {}, column {}", error.line(), error.column())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_does_not_quote_what_it_read() {
        let error = parse_secret::<Vec<u32>>(Path::new("/x"), b"[\"secret\"]").expect_err("no number");
        assert!(!error.to_string().contains("secret"), "{error}");
        assert!(error.to_string().contains("line 1"), "{error}");
    }
}
