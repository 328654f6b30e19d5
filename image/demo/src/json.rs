//! The facts for programs. Few enough to be written by hand.

use crate::{attempts::Attempt, facts::Fact};

/// One JSON object: facts by key, and attempts with their ends.
pub(crate) fn document(facts: &[Fact], attempts: &[Attempt]) -> String {
    let facts: Vec<String> = facts.iter().map(|fact| format!("{}:{}", quote(fact.key), quote(&fact.value))).collect();
    let attempts: Vec<String> = attempts.iter().map(attempt).collect();
    format!("{{\"facts\":{{{}}},\"attempts\":[{}]}}\n", facts.join(","), attempts.join(","))
}

fn attempt(attempt: &Attempt) -> String {
    format!(
        "{{\"key\":{},\"what\":{},\"escaped\":{},\"answer\":{}}}",
        quote(attempt.key),
        quote(attempt.what),
        attempt.escaped,
        quote(&attempt.answer),
    )
}

fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_escaped() {
        assert_eq!(quote("a\"b\\c\n"), "\"a\\\"b\\\\c\\u000a\"");
    }
}
