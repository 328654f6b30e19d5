//! `network`: links, addresses, name servers.

use std::io::Write;

use ampoule_api_client::Client;
use ampoule_api_types::v1::InterfaceStatus;

use crate::{
    CliError, OutputFormat,
    output::{self, or_dash, printable},
};

pub(crate) fn run(client: &Client, format: OutputFormat, out: &mut dyn Write) -> Result<(), CliError> {
    let status = client.network()?;
    if format == OutputFormat::Json {
        return output::json(out, &status);
    }
    writeln!(out, "host name     {}", printable(&status.hostname))?;
    writeln!(out, "name servers  {}\n", printable(&status.name_servers.join(" ")))?;
    let rows: Vec<Vec<String>> = status.interfaces.iter().map(row).collect();
    output::table(out, &["LINK", "CARRIER", "DHCP", "ROUTER", "HARDWARE", "ADDRESSES"], &rows)
}

fn row(link: &InterfaceStatus) -> Vec<String> {
    let lease = link.dhcp4.as_ref();
    vec![
        link.name.clone(),
        if link.carrier { "yes" } else { "no" }.to_owned(),
        or_dash(lease.map(|lease| lease.state.clone())),
        or_dash(lease.and_then(|lease| lease.router.clone())),
        link.mac.clone(),
        link.addresses.join(" "),
    ]
}
