//! Small helpers around files of the node.

use std::{io, path::Path};

use tokio::io::AsyncReadExt;

use crate::error::HostError;

/// The content of a file of at most `max` bytes; `None` if there is no file.
pub(crate) async fn read_bounded(path: &Path, max: u64) -> Result<Option<Vec<u8>>, HostError> {
    let file = match tokio::fs::File::open(path).await {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(HostError::file("open", path)(error)),
    };
    let mut content = Vec::new();
    file.take(max + 1).read_to_end(&mut content).await.map_err(HostError::file("read", path))?;
    if content.len() as u64 > max {
        return Err(HostError::file("read", path)(io::Error::other(format!("larger than {max} bytes"))));
    }
    Ok(Some(content))
}

/// Writes a file so that a reader sees the old content or the new, never half of it.
pub(crate) fn write_whole(path: &Path, content: &[u8]) -> Result<(), HostError> {
    let new = path.with_extension("new");
    std::fs::write(&new, content).map_err(HostError::file("write", &new))?;
    std::fs::rename(&new, path).map_err(HostError::file("replace", path))
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
