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
    writeln!(out, "name servers  {}", printable(&status.name_servers.join(" ")))?;
    writeln!(out, "search list   {}\n", printable(&status.search_list.join(" ")))?;
    let rows: Vec<Vec<String>> = status.interfaces.iter().map(row).collect();
    output::table(out, &["LINK", "CARRIER", "DHCP", "ROUTERS", "HARDWARE", "ADDRESSES"], &rows)
}

fn row(link: &InterfaceStatus) -> Vec<String> {
    let lease = link.dhcp4.as_ref();
    vec![
        link.name.clone(),
        if link.carrier { "yes" } else { "no" }.to_owned(),
        or_dash(lease.map(|lease| lease.state.clone())),
        or_dash(Some(routers(link)).filter(|routers| !routers.is_empty())),
        link.mac.clone(),
        link.addresses.join(" "),
    ]
}

/// The ways to everywhere, of both families.
fn routers(link: &InterfaceStatus) -> String {
    let to_everywhere = link.routes.iter().filter(|route| route.destination.ends_with("/0"));
    to_everywhere.filter_map(|route| route.gateway.as_deref()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ampoule_api_types::v1::Route;

    #[test]
    fn routers_of_both_families_are_shown() {
        let route = |to: &str, gateway: Option<&str>| Route { destination: to.into(), gateway: gateway.map(Into::into), metric: None };
        let routes = vec![route("0.0.0.0/0", Some("10.0.2.2")), route("10.0.2.0/24", None), route("::/0", Some("fe80::2"))];
        let link = InterfaceStatus { routes, ..InterfaceStatus::default() };
        assert_eq!(row(&link)[3], "10.0.2.2 fe80::2");
        assert_eq!(row(&InterfaceStatus::default())[3], "-");
    }
}
