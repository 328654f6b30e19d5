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
        workload.image.clone(),
        workload.message.clone(),
    ]
}
