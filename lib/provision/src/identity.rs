//! The instance identity document of EC2, of which the region is read.

use serde::Deserialize;

/// The region of a node whose document names none, as in Bottlerocket.
pub const DEFAULT_REGION: &str = "us-east-1";
/// Longest document read, in bytes. Real ones have about 500.
pub const MAX_DOCUMENT: usize = 16 * 1024;

/// Why a document names no region.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// Too long to be one.
    #[error("{0} bytes; an identity document has at most {MAX_DOCUMENT}")]
    TooLong(usize),
    /// Not JSON with a region in it.
    #[error("Not an identity document")]
    Json(#[source] serde_json::Error),
    /// A region that is none.
    #[error("{0:?} is no region; one has small letters, digits and dashes, for example \"eu-west-1\"")]
    Region(String),
}

#[derive(Deserialize)]
struct Document {
    region: String,
}

/// The region that a document names.
///
/// # Errors
/// [`IdentityError`].
pub fn region(document: &[u8]) -> Result<String, IdentityError> {
    if document.len() > MAX_DOCUMENT {
        return Err(IdentityError::TooLong(document.len()));
    }
    let Document { region } = serde_json::from_slice(document).map_err(IdentityError::Json)?;
    if is_region(&region) { Ok(region) } else { Err(IdentityError::Region(region.chars().take(40).collect())) }
}

/// It becomes part of host names, so it must be able to.
fn is_region(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=40).contains(&text.len()) && text.bytes().all(allowed) && !text.starts_with('-') && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_is_found_among_the_rest() {
        let document = br#"{"accountId":"1","region":"eu-central-1","pendingTime":"2024-01-01T00:00:00Z","x":[{}]}"#;
        assert_eq!(region(document).expect("a region"), "eu-central-1");
    }

    #[test]
    fn wrong_documents_are_refused() {
        for wrong in ["", "{}", "[]", "{\"region\":1}", "{\"region\":\"\"}", "{\"region\":\"EU\"}", "{\"region\":\"a.evil.example/\"}"] {
            assert!(region(wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert!(region(&vec![b' '; MAX_DOCUMENT + 1]).is_err());
    }
}
