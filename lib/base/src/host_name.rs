//! Host names.

use crate::{Invalid, text::text_type};

text_type! {
    /// A host name as Bottlerocket takes it.
    ///
    /// Proves: 1 to 253 of `a-z 0-9 . -`; every part between dots has 1 to 63 characters and no dash at its ends.
    HostName, check
}

const ALLOWED: &str = "a host name has small letters, digits, '-' and '.'; each part between dots has 1 to 63 of them and neither begins nor ends with '-', for example \"node-7\"";

fn check(text: &str) -> Result<(), Invalid> {
    let refuse = |wrong: &str| Err(Invalid::quoting(text, wrong, ALLOWED));
    if text.is_empty() {
        return refuse("is empty");
    }
    if text.len() > 253 {
        return refuse("has more than 253 characters");
    }
    if let Some(other) = text.chars().find(|c| !is_allowed(*c)) {
        return refuse(&format!("is not a host name: it holds {other:?}"));
    }
    if !text.split('.').all(is_label) {
        return refuse("is not a host name: a part is empty, too long or has a '-' at its end");
    }
    Ok(())
}

fn is_allowed(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-')
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_and_bad() {
        for good in ["a", "node-7", "ip-10-0-0-1.ec2.internal", "0"] {
            assert!(good.parse::<HostName>().is_ok(), "{good}");
        }
        for bad in ["", "Node", "a b", ".a", "a.", "-a", "a-", "a..b", "a-.b", "ä", "a\n", &"a".repeat(64), &"a.".repeat(127)] {
            assert!(bad.parse::<HostName>().is_err(), "{bad:?}");
        }
    }
}
