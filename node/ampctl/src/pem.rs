//! PEM files that a person names.

use std::{fs, path::Path};

use ampoule_api_cli::CliError;

/// A PEM file of a certificate or key is a few KiB; a chain of many is below this.
const LIMIT: u64 = 256 * 1024;

/// The text of a PEM file.
pub(crate) fn read(path: &Path) -> Result<String, CliError> {
    let wrong = |reason: String| CliError::Input { source_name: path.display().to_string(), reason };
    let size = fs::metadata(path).map_err(|error| wrong(error.to_string()))?.len();
    if size > LIMIT {
        return Err(wrong(format!("larger than {LIMIT} bytes")));
    }
    let text = fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    if text.contains("-----BEGIN ") { Ok(text) } else { Err(wrong("no PEM in it".to_owned())) }
}
