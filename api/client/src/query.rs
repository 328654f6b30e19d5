//! Building request targets.

use std::fmt::Write as _;

/// Percent-encodes a value for use in a query string.
pub fn encode_value(value: &str) -> String {
    value.bytes().fold(String::with_capacity(value.len()), |mut out, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b',' => {
                out.push(char::from(byte));
            }
            _ => {
                // Writing to a String cannot fail.
                let _ = write!(out, "%{byte:02X}");
            }
        }
        out
    })
}

/// `path?a=b&c=d`, leaving out pairs without a value.
pub(crate) fn with_query(path: &str, pairs: &[(&str, Option<String>)]) -> String {
    let query: Vec<String> =
        pairs.iter().filter_map(|(name, value)| value.as_ref().map(|value| format!("{name}={}", encode_value(value)))).collect();
    if query.is_empty() {
        return path.to_owned();
    }
    format!("{path}?{}", query.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_what_a_query_cannot_hold() {
        assert_eq!(encode_value("a b&c=d%ü"), "a%20b%26c%3Dd%25%C3%BC");
    }

    #[test]
    fn absent_values_leave_no_trace() {
        let pairs = [("since", None), ("unit", Some("a,b".to_owned()))];
        assert_eq!(with_query("/v1/logs", &pairs), "/v1/logs?unit=a,b");
        assert_eq!(with_query("/os", &[]), "/os");
    }
}
