//! `history`, `diff`, `restore`, `confirm`, `rollback`: the states the settings had, and which of them is good.

use std::io::Write;

use ampoule_api_client::Client;
use ampoule_api_types::v1::{GenerationList, GenerationOrigin, GenerationSummary, RestoreRequest};
use clap::Args;

use crate::{
    CliError, OutputFormat, Shown,
    change::{self, seconds},
    output::{self, printable, utc},
    planned,
};

/// Two generations.
#[derive(Args, Clone, Copy, Debug)]
pub struct DiffArgs {
    /// The earlier one [default: the last confirmed one]
    #[arg(value_name = "FROM")]
    pub from: Option<u64>,
    /// The later one [default: the one in force]
    #[arg(value_name = "TO")]
    pub to: Option<u64>,
    /// How it is shown.
    #[command(flatten)]
    pub shown: Shown,
}

/// Which generation to go back to, and how.
#[derive(Args, Clone, Debug)]
pub struct RestoreArgs {
    /// Its number, as `history` shows it
    #[arg(value_name = "GENERATION")]
    pub generation: u64,
    /// Go back to the settings before unless `confirm` comes within this time, for example 5m
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub confirm: Option<u64>,
    /// What it is for; kept with the generation
    #[arg(long, value_name = "TEXT")]
    pub message: Option<String>,
    /// How it is shown.
    #[command(flatten)]
    pub shown: Shown,
}

/// Which generation is good.
#[derive(Args, Clone, Copy, Debug)]
pub struct ConfirmArgs {
    /// Its number [default: the one on trial]
    #[arg(value_name = "GENERATION")]
    pub generation: Option<u64>,
}

pub(crate) fn history(client: &Client, format: OutputFormat, out: &mut dyn Write) -> Result<(), CliError> {
    let list = client.generations()?;
    if format == OutputFormat::Json {
        return output::json(out, &list);
    }
    let rows: Vec<Vec<String>> = list.generations.iter().map(|generation| row(&list, generation)).collect();
    output::table(out, &["NUMBER", "STANDING", "MADE", "BY", "FROM", "MESSAGE"], &rows)?;
    for file in &list.damaged {
        writeln!(out, "{} is damaged and counts no more", printable(file))?;
    }
    for problem in &list.problems {
        let (key, reason, remedy) = (printable(&problem.key), printable(&problem.reason), printable(&problem.remedy));
        writeln!(out, "settings.{key} was not carried over: {reason} ({remedy})")?;
    }
    Ok(())
}

fn row(list: &GenerationList, generation: &GenerationSummary) -> Vec<String> {
    vec![
        generation.number.to_string(),
        standing(list, generation.number),
        utc(generation.time_ms),
        generation.author.clone(),
        origin(&generation.origin),
        generation.message.clone(),
    ]
}

fn standing(list: &GenerationList, number: u64) -> String {
    let of = &list.standing;
    let words = [
        (of.in_force == number, "in force"),
        (of.confirmed == number, "confirmed"),
        (of.trial.as_ref().is_some_and(|trial| trial.generation == number), "on trial"),
    ];
    let words: Vec<&str> = words.into_iter().filter(|(holds, _)| *holds).map(|(_, word)| word).collect();
    if words.is_empty() { "-".to_owned() } else { words.join(", ") }
}

fn origin(origin: &GenerationOrigin) -> String {
    match origin {
        GenerationOrigin::UserData => "user data".to_owned(),
        GenerationOrigin::Api => "API".to_owned(),
        GenerationOrigin::Generated => "generated values".to_owned(),
        GenerationOrigin::Restore { of } => format!("restore of {of}"),
        GenerationOrigin::Rollback { of, to, .. } => format!("rollback of {of} to {to}"),
        GenerationOrigin::Migration { of } => format!("migration of {of}"),
        GenerationOrigin::Unknown => "unknown".to_owned(),
    }
}

pub(crate) fn diff(client: &Client, args: &DiffArgs, out: &mut dyn Write) -> Result<(), CliError> {
    let (from, to) = match (args.from, args.to) {
        (Some(from), Some(to)) => (from, to),
        (from, to) => {
            let standing = client.generations()?.standing;
            (from.unwrap_or(standing.confirmed), to.unwrap_or(standing.in_force))
        }
    };
    let diff = client.generation_diff(from, to)?;
    if args.shown.output == OutputFormat::Json {
        return output::json(out, &diff);
    }
    if diff.keys.is_empty() {
        writeln!(out, "Generations {from} and {to} are the same.")?;
    }
    for key in &diff.keys {
        writeln!(out, "{}", printable(&planned::key(key)))?;
    }
    Ok(())
}

pub(crate) fn restore(client: &Client, args: &RestoreArgs, out: &mut dyn Write) -> Result<(), CliError> {
    let request = RestoreRequest { confirm_seconds: args.confirm, message: args.message.clone() };
    let report = client.restore(args.generation, &request)?;
    change::follow(client, &report, args.shown.output, out)
}

pub(crate) fn confirm(client: &Client, args: ConfirmArgs, out: &mut dyn Write) -> Result<(), CliError> {
    let generation = match args.generation {
        Some(generation) => generation,
        None => match client.generations()?.standing.trial {
            Some(trial) => trial.generation,
            None => return Err(CliError::Failed("no generation is on trial: there is nothing to confirm".to_owned())),
        },
    };
    let standing = client.confirm(generation)?;
    writeln!(out, "generation {} is confirmed", standing.confirmed)?;
    Ok(())
}

pub(crate) fn rollback(client: &Client, format: OutputFormat, out: &mut dyn Write) -> Result<(), CliError> {
    let standing = client.rollback()?;
    if format == OutputFormat::Json {
        return output::json(out, &standing);
    }
    writeln!(out, "generation {} is in force", standing.in_force)?;
    Ok(())
}
