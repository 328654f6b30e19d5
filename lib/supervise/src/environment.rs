//! Environment files: `KEY=VALUE` lines that are added to a service's environment when it starts.
//!
//! A file comes from settings, so it may be absent, new at each start, or wrong. A line that is wrong is left out and named; the others count.

use std::collections::BTreeMap;
use std::fmt;

/// Longest file read, in bytes. Proxies and their exceptions take a few hundred.
pub const MAX_FILE: usize = 16 * 1024;
/// Most variables taken from one file.
pub const MAX_VARIABLES: usize = 64;
/// Longest name of a variable, in bytes.
const MAX_NAME: usize = 64;

/// What a file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// Variables; of two lines with one name the later.
    pub variables: BTreeMap<String, String>,
    /// Lines that were left out.
    pub ignored: Vec<Ignored>,
}

/// A line that was left out. Its content is not repeated: a proxy's address may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ignored {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} is ignored: {}", self.line, self.reason)
    }
}

/// Reads the bytes of a file. Empty lines and lines that begin with `#` say nothing; a value is taken as it stands, quotes and blanks included.
#[must_use]
pub fn parse(bytes: &[u8]) -> Environment {
    let mut found = Environment::default();
    if bytes.len() > MAX_FILE {
        found.ignored.push(Ignored { line: 1, reason: "the file, and so each of its lines, is longer than 16 KiB" });
        return found;
    }
    for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if let Err(reason) = take(line, &mut found.variables) {
            found.ignored.push(Ignored { line: at + 1, reason });
        }
    }
    found
}

fn take(line: &[u8], variables: &mut BTreeMap<String, String>) -> Result<(), &'static str> {
    if line.trim_ascii().is_empty() || line.starts_with(b"#") {
        return Ok(());
    }
    let line = std::str::from_utf8(line).map_err(|_| "it is not text")?;
    let (name, value) = line.split_once('=').ok_or("it is not of the form KEY=VALUE")?;
    if !is_name(name) {
        return Err("its name is not of letters, digits and '_'");
    }
    if value.contains(|c: char| c.is_control()) {
        return Err("its value has a control character");
    }
    if variables.len() >= MAX_VARIABLES && !variables.contains_key(name) {
        return Err("there are 64 variables already");
    }
    variables.insert(name.to_owned(), value.to_owned());
    Ok(())
}

fn is_name(name: &str) -> bool {
    let plain = |c: u8| c.is_ascii_alphanumeric() || c == b'_';
    (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(plain) && !name.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_become_variables() {
        let text = b"# from settings\n\nHTTPS_PROXY=http://u:p@proxy:3128/?a=b\nno_proxy=\nA= b \"c\" \nA=later\n";
        let found = parse(text);
        let wanted = [("A", "later"), ("HTTPS_PROXY", "http://u:p@proxy:3128/?a=b"), ("no_proxy", "")];
        assert_eq!(found.variables, wanted.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
        assert_eq!(found.ignored, []);
    }

    #[test]
    fn wrong_lines_are_left_out_by_number() {
        let found = parse(b"GOOD=1\nno equals\n=x\n9A=x\nA B=x\nC=\x00\n\xff=x\nLAST=2");
        assert_eq!(found.variables.len(), 2);
        assert_eq!(found.ignored.iter().map(|i| i.line).collect::<Vec<_>>(), [2, 3, 4, 5, 6, 7]);
        assert!(found.ignored[0].to_string().contains("line 2 is ignored: it is not of the form KEY=VALUE"));
    }

    #[test]
    fn size_and_number_are_bounded() {
        let many: String = (0..100).map(|n| format!("V{n}=x\n")).collect();
        let found = parse(many.as_bytes());
        assert_eq!((found.variables.len(), found.ignored.len()), (MAX_VARIABLES, 36));
        let long = parse("A=x\n".repeat(MAX_FILE / 4 + 1).as_bytes());
        assert_eq!((long.variables.len(), long.ignored.len()), (0, 1));
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered_and_what_is_taken_is_safe(bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'='), Just(b'\n'), Just(b'A')], 0..400)) {
            let found = parse(&bytes);
            for (name, value) in &found.variables {
                prop_assert!(is_name(name) && !value.contains(['\0', '\n']));
            }
            prop_assert!(found.variables.len() + found.ignored.len() <= bytes.split(|b| *b == b'\n').count());
        }

        #[test]
        fn what_is_written_is_read(variables in prop::collection::btree_map("[A-Za-z_][A-Za-z0-9_]{0,20}", "[ -~äß]{0,40}", 0..20)) {
            let text: String = variables.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
            let found = parse(text.as_bytes());
            prop_assert_eq!(found, Environment { variables, ignored: Vec::new() });
        }
    }
}
