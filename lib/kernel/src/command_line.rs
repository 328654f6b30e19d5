//! Boot parameters as text of the kernel's command line.

use std::{collections::BTreeMap, fmt::Write};

use crate::{BootDocument, check_parameter_key, check_parameter_value, protected_parameter};

/// Longest text of all parameters. The command line has 2048 bytes on x86 (`COMMAND_LINE_SIZE`); the image's own part is
/// below 1024.
pub const MAX_PARAMETERS: usize = 1000;

/// The words that settings add to the image's command line; empty if they add none.
///
/// # Errors
/// Every reason why they are refused: then none is used, for parameters mean something together.
pub fn parameter_text(document: &BootDocument) -> Result<String, Vec<String>> {
    let reasons: Vec<String> = reasons("kernel-parameters", &document.kernel_parameters)
        .chain(reasons("init-parameters", &document.init_parameters))
        .chain(document.kernel_parameters.keys().filter_map(|key| protected(key)))
        .collect();
    if !reasons.is_empty() {
        return Err(reasons);
    }
    let mut text = words(&document.kernel_parameters);
    if !document.init_parameters.is_empty() {
        text.push_str(" -- ");
        text.push_str(&words(&document.init_parameters));
    }
    let text = text.trim_start().to_owned();
    match text.len() {
        0..=MAX_PARAMETERS => Ok(text),
        length => Err(vec![format!("settings.boot: all parameters together have {length} characters; the most is {MAX_PARAMETERS}")]),
    }
}

fn reasons<'a>(table: &'a str, parameters: &'a BTreeMap<String, Vec<String>>) -> impl Iterator<Item = String> + 'a {
    let key = move |key: &str, result: Result<(), String>| result.err().map(|why| format!("settings.boot.{table}.{key}: {why}"));
    parameters.iter().flat_map(move |(name, values)| {
        let of_values = values.iter().filter_map(move |value| key(name, check_parameter_value(value)));
        key(name, check_parameter_key(name)).into_iter().chain(of_values)
    })
}

fn protected(key: &str) -> Option<String> {
    protected_parameter(key).map(|why| format!("settings.boot.kernel-parameters.{key}: no setting may change it: {why}"))
}

/// `key` for no value, else `key=value` for each, as the kernel writes its own boot configuration out.
fn words(parameters: &BTreeMap<String, Vec<String>>) -> String {
    let mut text = String::new();
    for (key, values) in parameters {
        let separator = |text: &str| if text.is_empty() { "" } else { " " };
        if values.is_empty() {
            // Writing to a text cannot fail, here and below.
            let _ = write!(text, "{}{key}", separator(&text));
        }
        for value in values {
            let quote = if value.contains(' ') { "\"" } else { "" };
            let _ = write!(text, "{}{key}={quote}{value}{quote}", separator(&text));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn document(kernel: &[(&str, &[&str])], init: &[(&str, &[&str])]) -> BootDocument {
        let table = |entries: &[(&str, &[&str])]| {
            entries.iter().map(|(key, values)| ((*key).to_owned(), values.iter().map(|v| (*v).to_owned()).collect())).collect()
        };
        BootDocument { kernel_parameters: table(kernel), init_parameters: table(init), reboot_to_reconcile: false }
    }

    #[test]
    fn words_as_the_kernel_reads_them() {
        let text =
            parameter_text(&document(&[("console", &["tty0", "ttyS1,9600"]), ("quiet", &[]), ("a.b", &["x y"])], &[("log", &["1"])]));
        assert_eq!(text.as_deref(), Ok("a.b=\"x y\" console=tty0 console=ttyS1,9600 quiet -- log=1"));
        assert_eq!(parameter_text(&document(&[], &[("x", &[])])).as_deref(), Ok("-- x"));
        assert_eq!(parameter_text(&BootDocument::default()).as_deref(), Ok(""));
    }

    #[test]
    fn all_that_is_wrong_is_named() {
        let wrong = parameter_text(&document(&[("init", &["/x"]), ("a b", &[]), ("c", &["\""])], &[("--", &[])])).expect_err("refused");
        assert_eq!(wrong.len(), 4, "{wrong:?}");
        let many: Vec<String> = (0..300).map(|n| format!("parameter{n}")).collect();
        let entries: Vec<(&str, &[&str])> = many.iter().map(|name| (name.as_str(), &[] as &[&str])).collect();
        assert!(parameter_text(&document(&entries, &[])).expect_err("too long")[0].contains("the most is 1000"));
    }

    /// The kernel's own way of taking a command line apart (`next_arg` in `lib/cmdline.c`): blanks outside `"` separate.
    fn kernel_words(text: &str) -> Vec<String> {
        let (mut words, mut quoted) = (vec![String::new()], false);
        for c in text.chars() {
            match c {
                '"' => quoted = !quoted,
                ' ' if !quoted => words.push(String::new()),
                c => words.last_mut().expect("one at least").push(c),
            }
        }
        words
    }

    proptest! {
        #[test]
        fn no_value_becomes_another_parameter(kernel in prop::collection::btree_map("[a-z._-]{1,5}", prop::collection::vec("[ -~]{0,12}", 0..3), 0..4)) {
            let document = BootDocument { kernel_parameters: kernel.clone(), ..BootDocument::default() };
            if let Ok(text) = parameter_text(&document) {
                let wanted: Vec<String> = kernel.iter().flat_map(|(key, values)| {
                    if values.is_empty() { vec![key.clone()] } else { values.iter().map(|value| format!("{key}={value}")).collect() }
                }).collect();
                prop_assert_eq!(kernel_words(&text), if wanted.is_empty() { vec![String::new()] } else { wanted });
            }
        }
    }
}
