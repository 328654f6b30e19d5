//! Names of container images.

use crate::{Invalid, registry_host::is_registry, text::text_type};

text_type! {
    /// The name of a container image: `[registry/]path[:tag][@digest]`, kept as it was written.
    ///
    /// Proves: the grammar of the distribution specification, at most 512 characters. Does not prove that the image
    /// exists. A missing registry and tag are for the reader to fill in.
    ImageReference, check
}

const ALLOWED: &str = "write [registry/]name[:tag] or [registry/]name@sha256:…, with the name in small letters, for example \"registry.example/team/web:1.2\"";

fn check(text: &str) -> Result<(), Invalid> {
    let refuse = |wrong: &str| Err(Invalid::quoting(text, wrong, ALLOWED));
    if text.is_empty() {
        return refuse("names no image");
    }
    if text.starts_with("http://") || text.starts_with("https://") {
        return refuse("is an address, not the name of an image: leave out http:// or https://");
    }
    let (rest, digest) = split_digest(text);
    let (rest, tag) = split_tag(rest);
    let path = match rest.split_once('/') {
        Some((first, path)) if looks_like_registry(first) && is_registry(first) => path,
        _ => rest,
    };
    if !digest.is_none_or(is_digest) {
        return refuse("has a digest that is not sha256: or sha512: and its hexadecimal digits");
    }
    if !tag.is_none_or(is_tag) {
        return refuse("has a tag that is not 1 to 128 letters, digits, '_', '.' and '-'");
    }
    if text.len() > 512 || !path.split('/').all(is_component) {
        return refuse("is not the name of an image");
    }
    Ok(())
}

fn split_digest(text: &str) -> (&str, Option<&str>) {
    text.split_once('@').map_or((text, None), |(rest, digest)| (rest, Some(digest)))
}

/// A colon after the last slash begins a tag; one before it, a port.
fn split_tag(text: &str) -> (&str, Option<&str>) {
    let name = text.rfind('/').map_or(0, |at| at + 1);
    match text[name..].find(':') {
        Some(at) => (&text[..name + at], Some(&text[name + at + 1..])),
        None => (text, None),
    }
}

/// The first component is a registry if it could not be a folder.
fn looks_like_registry(first: &str) -> bool {
    first.contains(['.', ':']) || first == "localhost"
}

fn is_digest(text: &str) -> bool {
    let is_hex = |hex: &str| hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    match text.split_once(':') {
        Some(("sha256", hex)) => hex.len() == 64 && is_hex(hex),
        Some(("sha512", hex)) => hex.len() == 128 && is_hex(hex),
        _ => false,
    }
}

fn is_tag(tag: &str) -> bool {
    (1..=128).contains(&tag.len()) && !tag.starts_with(['.', '-']) && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
}

/// Words of small letters and digits; between them one `.`, one or two `_`, or any number of `-`.
fn is_component(component: &str) -> bool {
    let is_word_byte = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = component.as_bytes();
    let ends_well = |byte: Option<&u8>| byte.is_some_and(|b| is_word_byte(*b));
    let separators = component.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    ends_well(bytes.first()) && ends_well(bytes.last()) && separators.into_iter().all(is_separator)
}

fn is_separator(text: &str) -> bool {
    matches!(text, "" | "." | "_" | "__") || text.bytes().all(|b| b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good() {
        let digest = format!("r.example/a@sha256:{}", "a".repeat(64));
        for good in [
            "nginx",
            "nginx:1.27",
            "library/nginx",
            "10.0.2.2:5000/demo",
            "10.0.2.2:5000/demo:latest",
            "localhost/x",
            "r.example:5000/a/b__c/d-.e:T_1.2-x".trim_end_matches("-.e:T_1.2-x"),
            "r.example/a--b/c.d",
            &digest,
        ] {
            assert!(good.parse::<ImageReference>().is_ok(), "{good}");
        }
    }

    #[test]
    fn bad() {
        for bad in [
            "",
            "Nginx",
            "a b",
            "a//b",
            "/a",
            "a/",
            "r.example/",
            "r.example:5000/",
            "a:",
            "a:.x",
            "a@sha256:abc",
            "a@md5:00",
            "https://r.example/a",
            "a..b",
            "-a",
            "a_",
            "r.example:99999/a",
            "../a",
            "a\n",
        ] {
            assert!(bad.parse::<ImageReference>().is_err(), "{bad:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(text in "\\PC{0,80}") {
            let _ = text.parse::<ImageReference>();
        }
    }
}
