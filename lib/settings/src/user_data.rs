//! User data: TOML, plain or gzip, bounded.

use crate::{Fragment, Model, SettingError, locate, mistaken};
use flate2::read::GzDecoder;
use std::io::Read;

/// Longest user data read, as given, in bytes.
pub const MAX_USER_DATA: usize = 64 * 1024;
/// Longest unpacked, in bytes: what a bomb meets.
const MAX_UNPACKED: u64 = 1024 * 1024;

/// Why user data has no effect. None of it is applied.
#[derive(Debug, thiserror::Error)]
pub enum UserDataError {
    /// More than is read.
    #[error("{size} bytes; the most is {most}")]
    TooLong {
        /// Bytes there are (or more).
        size: u64,
        /// Bytes there may be.
        most: u64,
    },
    /// Begins like gzip and is not.
    #[error("This begins like gzip but cannot be unpacked")]
    Gzip(#[source] std::io::Error),
    /// Not text.
    #[error("This is not UTF-8 text; user data is TOML, plain or gzip")]
    NotText,
    /// Wrong settings.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Settings(Vec<SettingError>),
}

/// Reads user data of any origin.
///
/// # Errors
/// [`UserDataError`]; all wrong settings at once.
pub fn parse_user_data(model: &Model, bytes: &[u8]) -> Result<Fragment, UserDataError> {
    if bytes.len() > MAX_USER_DATA {
        return Err(UserDataError::TooLong { size: bytes.len() as u64, most: MAX_USER_DATA as u64 });
    }
    let unpacked = unpack(bytes)?;
    if mistaken::is_utf16(&unpacked) {
        let wrong = SettingError::value("", "this is UTF-16", "save it as UTF-8; in PowerShell: `Set-Content -Encoding utf8`");
        return Err(UserDataError::Settings(vec![wrong]));
    }
    let text = std::str::from_utf8(&unpacked).map_err(|_| UserDataError::NotText)?;
    Fragment::from_toml(model, text).map_err(UserDataError::Settings)
}

impl SettingError {
    /// The error with the place of its key in the user data that was read. For errors that show only when all values are looked at
    /// together, which happens without the text; unchanged where the text has neither the key nor a table above it.
    #[must_use]
    pub fn located_in(self, user_data: &[u8]) -> Self {
        let text = unpack(user_data).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        match text.as_deref().map(locate::settings_of) {
            Some(Ok(found)) => found.places.add_to(self),
            _ => self,
        }
    }
}

fn unpack(bytes: &[u8]) -> Result<Vec<u8>, UserDataError> {
    // RFC 1952: gzip begins with 1f 8b; no TOML does.
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes.to_vec());
    }
    let mut out = Vec::new();
    GzDecoder::new(bytes).take(MAX_UNPACKED + 1).read_to_end(&mut out).map_err(UserDataError::Gzip)?;
    match out.len() as u64 {
        size if size > MAX_UNPACKED => Err(UserDataError::TooLong { size, most: MAX_UNPACKED }),
        _ => Ok(out),
    }
}
