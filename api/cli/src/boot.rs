//! `boot`: what happened when since the kernel started.

use std::io::Write;

use ampoule_api_client::Client;

use crate::{
    CliError, OutputFormat,
    output::{self, milliseconds, or_dash},
};

pub(crate) fn run(client: &Client, format: OutputFormat, out: &mut dyn Write) -> Result<(), CliError> {
    let report = client.boot()?;
    if format == OutputFormat::Json {
        return output::json(out, &report);
    }
    writeln!(out, "init started after {}", or_dash(report.init_ms.map(milliseconds)))?;
    writeln!(out, "the API answered after {}", or_dash(report.api_ms.map(milliseconds)))?;
    writeln!(out, "settings generation {}\n", report.generation)?;
    let rows: Vec<Vec<String>> =
        report.steps.iter().map(|step| vec![milliseconds(step.ms), step.name.clone(), step.state.to_string()]).collect();
    output::table(out, &["AFTER", "WHAT", "CAME TO"], &rows)
}
