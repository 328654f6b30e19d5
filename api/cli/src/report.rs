//! `report`: what the node finds when it checks itself against a benchmark.

use std::io::Write;

use ampoule_api_client::{Client, Method};
use clap::{Args, Subcommand, ValueEnum};

use crate::{CliError, output::raw_body};

/// Which report.
#[derive(Subcommand, Clone, Debug)]
pub enum ReportCommand {
    /// CIS benchmark for Bottlerocket
    Cis(CisArgs),
    /// CIS benchmark for Kubernetes workers
    CisK8s(CisArgs),
    /// FIPS 140
    Fips(FormatArgs),
}

/// How a benchmark is run.
#[derive(Args, Clone, Copy, Debug)]
pub struct CisArgs {
    /// Level of the checks [default: 1]
    #[arg(short, long, value_parser = clap::value_parser!(u8).range(1..=2))]
    pub level: Option<u8>,
    /// How it is shown.
    #[command(flatten)]
    pub shown: FormatArgs,
}

/// How a text is shown.
#[derive(Args, Clone, Copy, Debug)]
pub struct FormatArgs {
    /// For people or for programs [default: text]
    #[arg(short, long, value_enum)]
    pub format: Option<Format>,
}

/// Forms of reports and lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Lines.
    Text,
    /// JSON.
    Json,
}

impl FormatArgs {
    /// `path` with the format in its query.
    pub(crate) fn path(self, path: &str) -> String {
        let format = self.format.and_then(|format| Some(format!("format={}", format.to_possible_value()?.get_name())));
        join(path, format)
    }
}

fn join(path: &str, pair: Option<String>) -> String {
    let sign = if path.contains('?') { '&' } else { '?' };
    pair.map_or_else(|| path.to_owned(), |pair| format!("{path}{sign}{pair}"))
}

pub(crate) fn run(client: &Client, command: &ReportCommand, out: &mut dyn Write) -> Result<(), CliError> {
    let cis = |kind: &str, args: &CisArgs| {
        let path = join(&format!("/report/cis?type={kind}"), args.level.map(|level| format!("level={level}")));
        args.shown.path(&path)
    };
    let path = match command {
        ReportCommand::Cis(args) => cis("bottlerocket", args),
        ReportCommand::CisK8s(args) => cis("kubernetes", args),
        ReportCommand::Fips(args) => args.path("/report/fips"),
    };
    raw_body(out, &client.call(Method::Get, &path, None)?.body)
}
