//! `logs`: what services and workloads have said.

use std::io::Write;

use ampoule_api_client::{Client, ClientError, LogQuery};
use ampoule_api_types::v1::LogRecord;
use clap::Args;

use crate::{CliError, OutputFormat, output::printable};

/// Which lines.
#[derive(Args, Clone, Debug)]
pub struct LogsArgs {
    /// Services (apid), workloads (workload/web), all workloads (workload/), or kernel [default: all]
    #[arg(value_name = "SOURCE")]
    pub sources: Vec<String>,
    /// Keep printing what comes
    #[arg(short, long)]
    pub follow: bool,
    /// Only lines as young as this, for example 90s, 15m, 2h
    #[arg(long, value_name = "AGE")]
    pub since: Option<String>,
    /// Only this syslog level and worse: 3 errors, 4 warnings, 6 what is told by default
    #[arg(short, long, value_parser = clap::value_parser!(u8).range(0..=7))]
    pub level: Option<u8>,
    /// Only the last so many lines
    #[arg(short = 'n', long, value_name = "LINES")]
    pub tail: Option<u32>,
}

/// Prints each line as it comes.
pub(crate) fn run(client: &Client, args: &LogsArgs, format: OutputFormat, out: &mut dyn Write) -> Result<(), CliError> {
    let query =
        LogQuery { sources: args.sources.clone(), since: args.since.clone(), level: args.level, tail: args.tail, follow: args.follow };
    for line in client.logs(&query)? {
        let line = line?;
        match format {
            OutputFormat::Json => writeln!(out, "{line}")?,
            OutputFormat::Table => writeln!(out, "{}", for_a_person(&line)?)?,
        }
        out.flush()?;
    }
    Ok(())
}

/// `  12.345 apid: text`, the time counted from the kernel's start; worse than a notice is marked.
fn for_a_person(line: &str) -> Result<String, CliError> {
    let record: LogRecord =
        serde_json::from_str(line).map_err(|error| ClientError::Decode { path: "/v1/logs".to_owned(), reason: error.to_string() })?;
    let seconds = record.monotonic_ms / 1000;
    let rest = record.monotonic_ms % 1000;
    let mark = match record.level {
        0..=3 => "ERROR ",
        4 => "WARNING ",
        _ => "",
    };
    let text = printable(&record.text);
    Ok(format!("{seconds:5}.{rest:03} {}: {mark}{text}", printable(&record.source)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_time_source_and_weight_and_cannot_steer_the_terminal() {
        let line = r#"{"seq":1,"time_ms":5,"monotonic_ms":12045,"source":"workload/web","level":3,"text":"\u001b[2Jgone"}"#;
        let shown = for_a_person(line).expect("a line");
        assert_eq!(shown, "   12.045 workload/web: ERROR ?[2Jgone");
    }
}
