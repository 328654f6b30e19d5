//! Reading a console log.

/// The last `count` lines, without escape sequences.
pub fn last_lines(text: &str, count: usize) -> String {
    let text = strip_escapes(text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// The text without terminal escape sequences and other control characters (firmware colours its output); a log
/// shown in a terminal must not steer it.
pub fn strip_escapes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\x1b' => skip_sequence(&mut chars),
            '\n' | '\t' => out.push(c),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

fn skip_sequence(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    if chars.next_if_eq(&'[').is_none() {
        chars.next();
        return;
    }
    for c in chars.by_ref() {
        if ('@'..='~').contains(&c) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn colours_go_and_text_stays() {
        assert_eq!(strip_escapes("\x1b[2J\x1b[01;32mok\x1b[0m\r\n"), "ok\n");
        assert_eq!(last_lines("a\nb\nc\n", 2), "b\nc");
    }

    proptest! {
        #[test]
        fn nothing_that_steers_a_terminal_is_left(text in any::<String>()) {
            prop_assert!(!strip_escapes(&text).chars().any(|c| c.is_control() && c != '\n' && c != '\t'));
        }
    }
}
