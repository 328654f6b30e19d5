//! From a stream of bytes to lines with a level.

use crate::{DEFAULT_LEVEL, MAX_TEXT};

/// One line of a program's output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Syslog level: from a leading `<N>`, else [`DEFAULT_LEVEL`]; pieces of one line share it.
    pub level: u8,
    /// Text without level and line feed; bytes that are not UTF-8 are replaced.
    pub text: String,
    /// Another piece of the same line follows.
    pub cut: bool,
}

/// Cuts what a program writes into lines. Holds at most [`MAX_TEXT`] bytes between calls.
#[derive(Debug, Default)]
pub struct LineSplitter {
    pending: Vec<u8>,
    continued: Option<u8>,
}

impl LineSplitter {
    /// Takes the next bytes and gives the lines they complete. Empty lines are left out.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Line> {
        let mut lines = Vec::new();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            match part.strip_suffix(b"\n") {
                Some(rest) => {
                    self.take(rest, &mut lines);
                    self.end_line(&mut lines);
                }
                None => self.take(part, &mut lines),
            }
        }
        lines
    }

    /// What is left when the stream has ended without a line feed.
    pub fn finish(&mut self) -> Option<Line> {
        let mut lines = Vec::new();
        self.end_line(&mut lines);
        lines.pop()
    }

    fn take(&mut self, mut bytes: &[u8], lines: &mut Vec<Line>) {
        while self.pending.len() + bytes.len() > MAX_TEXT {
            let (head, tail) = bytes.split_at(MAX_TEXT - self.pending.len());
            self.pending.extend_from_slice(head);
            self.emit_piece(lines);
            bytes = tail;
        }
        self.pending.extend_from_slice(bytes);
    }

    fn emit_piece(&mut self, lines: &mut Vec<Line>) {
        // Not within a character; a run of bytes that is no UTF-8 is cut anywhere.
        let end = (MAX_TEXT - 3..=MAX_TEXT).rev().find(|i| is_boundary(&self.pending, *i)).unwrap_or(MAX_TEXT);
        let rest = self.pending.split_off(end);
        let piece = std::mem::replace(&mut self.pending, rest);
        let (level, text) = self.level_and_text(&piece);
        self.continued = Some(level);
        lines.push(Line { level, text: to_text(text), cut: true });
    }

    fn end_line(&mut self, lines: &mut Vec<Line>) {
        let whole = std::mem::take(&mut self.pending);
        let (level, text) = self.level_and_text(whole.strip_suffix(b"\r").unwrap_or(&whole));
        if !text.is_empty() || self.continued.is_some() {
            lines.push(Line { level, text: to_text(text), cut: false });
        }
        self.continued = None;
    }

    fn level_and_text<'a>(&self, piece: &'a [u8]) -> (u8, &'a [u8]) {
        match (self.continued, piece) {
            (Some(level), _) => (level, piece),
            (None, [b'<', digit @ b'0'..=b'7', b'>', text @ ..]) => (digit - b'0', text.strip_prefix(b" ").unwrap_or(text)),
            (None, _) => (DEFAULT_LEVEL, piece),
        }
    }
}

/// Whether a cut before byte `at` is not inside a UTF-8 character.
fn is_boundary(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_none_or(|byte| byte & 0xc0 != 0x80) && ends_whole(&bytes[..at])
}

fn ends_whole(bytes: &[u8]) -> bool {
    match std::str::from_utf8(&bytes[bytes.len().saturating_sub(4)..]) {
        Ok(_) => true,
        Err(error) => error.error_len().is_some(),
    }
}

/// Replacing wrong bytes makes text longer (three bytes for one): cut again so that the limit holds.
fn to_text(bytes: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(bytes).into_owned();
    let end = (0..=MAX_TEXT.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    text.truncate(end.unwrap_or(0));
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(level: u8, text: &str, cut: bool) -> Line {
        Line { level, text: text.into(), cut }
    }

    #[test]
    fn levels_and_line_ends() {
        let mut splitter = LineSplitter::default();
        let lines = splitter.feed(b"<3>bad\n<4> hm\r\n\nplain\n<9>no level\n<7");
        assert_eq!(lines, [line(3, "bad", false), line(4, "hm", false), line(6, "plain", false), line(6, "<9>no level", false)]);
        assert_eq!(splitter.feed(b">rest\n"), [line(7, "rest", false)]);
        assert_eq!(splitter.finish(), None);
        assert!(splitter.feed(b"end").is_empty());
        assert_eq!(splitter.finish(), Some(line(6, "end", false)));
    }

    #[test]
    fn a_long_line_is_cut_between_characters_and_keeps_its_level() {
        let text = "ä".repeat(MAX_TEXT);
        let lines = LineSplitter::default().feed(format!("<2>x{text}\n").as_bytes());
        assert!(lines.len() >= 2);
        assert!(lines.iter().all(|l| l.level == 2 && l.text.len() <= MAX_TEXT));
        assert!(lines[..lines.len() - 1].iter().all(|l| l.cut) && !lines[lines.len() - 1].cut);
        assert_eq!(lines.into_iter().map(|l| l.text).collect::<String>(), format!("x{text}"));
    }

    proptest! {
        #[test]
        fn cutting_the_stream_changes_nothing(
            bytes in proptest::collection::vec(prop_oneof![4 => any::<u8>(), 1 => Just(b'\n'), 1 => Just(b'<')], 0..400),
            at in 0usize..400,
        ) {
            let whole = LineSplitter::default().feed(&bytes);
            let (head, tail) = bytes.split_at(at.min(bytes.len()));
            let mut splitter = LineSplitter::default();
            let mut parts = splitter.feed(head);
            parts.extend(splitter.feed(tail));
            prop_assert_eq!(whole, parts);
        }

        #[test]
        fn limits_hold(byte: u8, length in 0usize..60_000) {
            let mut splitter = LineSplitter::default();
            for l in splitter.feed(&vec![byte; length]) {
                prop_assert!(l.text.len() <= MAX_TEXT && l.level <= 7);
            }
            prop_assert!(splitter.pending.len() <= MAX_TEXT);
        }
    }
}
