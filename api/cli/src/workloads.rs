//! `workloads`: the containers that the settings name.

use std::io::Write;

use ampoule_api_client::Client;
use ampoule_api_types::v1::WorkloadStatus;

use crate::{
    CliError, OutputFormat,
    output::{self, or_dash},
};

pub(crate) fn run(client: &Client, format: OutputFormat, out: &mut dyn Write) -> Result<(), CliError> {
    let list = client.workloads()?;
    if format == OutputFormat::Json {
        return output::json(out, &list);
    }
    let rows: Vec<Vec<String>> = list.workloads.iter().map(row).collect();
    output::table(out, &["NAME", "STATE", "PID", "ADDRESS", "RESTARTS", "IMAGE", "MESSAGE"], &rows)
}

fn row(workload: &WorkloadStatus) -> Vec<String> {
    let state = match workload.pull {
        Some(pull) => format!("{} {} %", workload.state, pull.percent),
        None => workload.state.to_string(),
    };
    vec![
        workload.name.clone(),
        state,
        or_dash(workload.pid),
        or_dash(workload.address.clone()),
        workload.restarts.to_string(),
        short(&workload.image),
        workload.message.clone(),
    ]
}

/// A digest is longer than a terminal's line; twelve digits tell images apart. The whole one is in the JSON.
fn short(image: &str) -> String {
    match image.split_once("@sha256:") {
        Some((name, digest)) if digest.chars().count() > 12 => format!("{name}@{}…", digest.chars().take(12).collect::<String>()),
        _ => image.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn only_a_long_digest_is_cut() {
        assert_eq!(short("r/a@sha256:0123456789abcdef"), "r/a@0123456789ab…");
        assert_eq!(short("docker.io/library/nginx:1"), "docker.io/library/nginx:1");
    }
}
