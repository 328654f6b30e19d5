//! `services`: what runs on the node, and how it is.

use std::io::Write;

use ampoule_api_client::Client;

use crate::{
    CliError, OutputFormat,
    output::{self, milliseconds, or_dash},
};

pub(crate) fn run(client: &Client, format: OutputFormat, out: &mut dyn Write) -> Result<(), CliError> {
    let list = client.services()?;
    if format == OutputFormat::Json {
        return output::json(out, &list);
    }
    let rows: Vec<Vec<String>> = list
        .services
        .iter()
        .map(|service| {
            vec![
                service.name.clone(),
                service.state.to_string(),
                or_dash(service.pid),
                service.restarts.to_string(),
                milliseconds(service.since_ms),
                or_dash(service.ready_ms.map(milliseconds)),
            ]
        })
        .collect();
    output::table(out, &["NAME", "STATE", "PID", "RESTARTS", "SINCE", "READY"], &rows)
}
