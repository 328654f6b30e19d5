//! `denials`: what the kernel refused, and which rule would allow it.

use std::io::Write;

use ampoule_api_client::Client;
use ampoule_api_types::v1::{Denial, DenialKind};

use crate::{
    CliError, OutputFormat,
    output::{self, or_dash, utc},
};

pub(crate) fn run(client: &Client, format: OutputFormat, out: &mut dyn Write) -> Result<(), CliError> {
    let list = client.denials()?;
    if format == OutputFormat::Json {
        return output::json(out, &list);
    }
    if list.denials.is_empty() && list.left_out == 0 {
        writeln!(out, "Nothing was refused.")?;
        return Ok(());
    }
    let rows: Vec<Vec<String>> = list.denials.iter().map(row).collect();
    output::table(out, &["LAST", "COUNT", "PROCESS", "PID", "DOMAIN", "WORKLOAD", "TARGET", "REFUSED", "BY", "RULE"], &rows)?;
    if list.left_out > 0 {
        writeln!(
            out,
            "{} more are not listed: of one source at most 64 kinds are kept (and 64 of system calls), 512 in all, and in a flood some are not read.",
            list.left_out
        )?;
    }
    Ok(())
}

fn row(denial: &Denial) -> Vec<String> {
    vec![
        utc(denial.last_ms),
        denial.count.to_string(),
        denial.process.clone(),
        or_dash(denial.pid),
        or_dash(denial.domain.clone()),
        or_dash(denial.workload.clone()),
        or_dash(denial.target.clone().or_else(|| denial.target_type.clone())),
        format!("{} {}", denial.class, denial.call.clone().unwrap_or_else(|| denial.permissions.join(" "))),
        by(denial.kind).to_owned(),
        denial.rule.clone(),
    ]
}

fn by(kind: DenialKind) -> &'static str {
    match kind {
        DenialKind::Access => "SELinux",
        DenialKind::CallRefused => "seccomp",
        DenialKind::ProcessEnded => "seccomp, ended",
        DenialKind::Unknown => "?",
    }
}
