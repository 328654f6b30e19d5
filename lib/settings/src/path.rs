//! Dotted keys. A segment that holds anything but letters, digits, `-` and `_` is quoted, as in TOML and in Bottlerocket's keys:
//! `kernel.sysctl."net.ipv4.ip_forward"`.

/// One key in its only spelling: every segment quoted where it must be and nowhere else.
#[must_use]
pub fn join<S: AsRef<str>>(segments: impl IntoIterator<Item = S>) -> String {
    let mut key = String::new();
    for segment in segments {
        if !key.is_empty() {
            key.push('.');
        }
        push(&mut key, segment.as_ref());
    }
    key
}

fn push(key: &mut String, segment: &str) {
    if is_bare(segment) {
        return key.push_str(segment);
    }
    key.push('"');
    for c in segment.chars() {
        if matches!(c, '"' | '\\') {
            key.push('\\');
        }
        key.push(c);
    }
    key.push('"');
}

fn is_bare(segment: &str) -> bool {
    !segment.is_empty() && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// The segments of a key. Never fails: what is not closed or not quoted where it should be is taken as it stands, and then names no setting.
#[must_use]
pub fn split(key: &str) -> Vec<String> {
    let mut segments = vec![String::new()];
    let (mut quoted, mut escaped) = (false, false);
    for c in key.chars() {
        let last = segments.last_mut();
        match (c, last) {
            (c, Some(last)) if escaped => {
                last.push(c);
                escaped = false;
            }
            ('\\', _) if quoted => escaped = true,
            ('"', _) => quoted = !quoted,
            ('.', _) if !quoted => segments.push(String::new()),
            (c, Some(last)) => last.push(c),
            (_, None) => {}
        }
    }
    segments
}

/// The key in its only spelling, without a leading `settings.`.
#[must_use]
pub fn canonical(key: &str) -> String {
    join(split(key.strip_prefix("settings.").unwrap_or(key)))
}

/// Whether `key` is `above` or lies below it.
#[must_use]
pub fn covers(above: &str, key: &str) -> bool {
    key.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_needs_quotes_has_them() {
        assert_eq!(join(["kernel", "sysctl", "net.ipv4.ip_forward"]), r#"kernel.sysctl."net.ipv4.ip_forward""#);
        assert_eq!(canonical(r#"settings."kernel".sysctl."a.b""#), r#"kernel.sysctl."a.b""#);
        assert_eq!(split("a..b"), ["a", "", "b"]);
        assert!(covers("kernel", "kernel.sysctl") && covers("kernel", "kernel") && !covers("kern", "kernel"));
    }

    proptest! {
        #[test]
        fn splitting_undoes_joining(segments in prop::collection::vec(".{0,8}", 1..5)) {
            prop_assert_eq!(split(&join(&segments)), segments);
        }

        #[test]
        fn any_text_has_one_spelling(text in ".{0,30}") {
            let once = canonical(&format!("settings.{text}"));
            prop_assert_eq!(join(split(&once)), once);
        }
    }
}
