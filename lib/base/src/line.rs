//! Free text.

use crate::{Invalid, text::text_type};

text_type! {
    /// Text on one line. Proves: none of the seven characters that end a line, no NUL, at most 4096 bytes.
    SingleLine, check_line
}

text_type! {
    /// Text of any number of lines. Proves: no NUL, at most 64 KiB.
    PlainText, check_text
}

/// LF, CR, VT, FF, NEL, LS, PS: Bottlerocket's list.
const LINE_ENDS: [char; 7] = ['\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}'];

fn check_line(text: &str) -> Result<(), Invalid> {
    let is_right = text.len() <= 4096 && !text.contains(LINE_ENDS) && !text.contains('\0');
    is_right.then_some(()).ok_or_else(|| Invalid::quoting(text, "is not one line", "one line of at most 4096 bytes without a line end"))
}

fn check_text(text: &str) -> Result<(), Invalid> {
    (text.len() <= 64 * 1024 && !text.contains('\0'))
        .then_some(())
        .ok_or_else(|| Invalid::quoting(text, "is too long or holds a NUL", "text of at most 64 KiB"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_end_is_one() {
        for end in LINE_ENDS {
            assert!(format!("a{end}b").parse::<SingleLine>().is_err(), "{end:?}");
            assert!(format!("a{end}b").parse::<PlainText>().is_ok(), "{end:?}");
        }
        assert!("a\0".parse::<PlainText>().is_err());
    }
}
