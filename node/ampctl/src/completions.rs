//! `completions`: what a shell offers, settings included.

use std::io::Write;

use ampoule_api_cli::CliError;
use ampoule_settings::all_keys;
use clap::{Command, CommandFactory, builder::PossibleValuesParser};
use clap_complete::{Shell, generate};

use crate::arguments::Program;

/// Arguments that are keys: of which command, and what stands before and behind a key.
const KEYS: &[(&str, &str, &str, &str)] = &[
    ("get", "prefixes", "settings.", ""),
    ("settings", "prefix", "", ""),
    ("explain", "key", "", ""),
    ("unset", "keys", "", ""),
    ("set", "pairs", "", "="),
];

pub(crate) fn write(shell: Shell, out: &mut dyn Write) -> Result<(), CliError> {
    let mut script = Vec::new();
    generate(shell, &mut with_keys(Program::command()), "ampctl", &mut script);
    out.write_all(&script)?;
    if shell == Shell::Fish {
        fish_keys(out)?;
    }
    Ok(())
}

/// The generator for fish knows no words of positional arguments.
fn fish_keys(out: &mut dyn Write) -> Result<(), CliError> {
    for (verb, _, before, behind) in KEYS {
        let words = words(before, behind).join(" ");
        writeln!(out, "complete -c ampctl -n \"__fish_seen_subcommand_from {verb}\" -f -a \"{words}\"")?;
    }
    Ok(())
}

/// Every key without a part that a person chooses.
fn words(before: &str, behind: &str) -> Vec<String> {
    let keys = all_keys().map(|key| key.pattern).filter(|pattern| !pattern.contains('*'));
    keys.map(|key| format!("{before}{key}{behind}")).collect()
}

/// The same command line with every key written out, for scripts alone: the program itself leaves the word to the node.
fn with_keys(command: Command) -> Command {
    KEYS.iter().fold(command, |command, (verb, argument, before, behind)| {
        let words = words(before, behind);
        command.mut_subcommand(verb, |verb| verb.mut_arg(argument, |argument| argument.value_parser(PossibleValuesParser::new(words))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_is_offered_commands_and_settings() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut script = Vec::new();
            write(shell, &mut script).expect("a script");
            let script = String::from_utf8_lossy(&script);
            for word in ["rollback", "ephemeral-storage", "settings.network.hostname", "network.hostname="] {
                assert!(script.contains(word), "{shell}: no {word}");
            }
        }
    }
}
