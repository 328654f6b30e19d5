//! `watch`: what happens to the settings, as it happens.

use std::io::Write;

use ampoule_api_client::{Client, ClientError};
use ampoule_api_types::v1::{Event, EventKind};

use crate::{
    CliError, OutputFormat,
    output::{printable, utc},
};

/// Reads server-sent events (WHATWG HTML): of each only its `data` lines matter here.
pub(crate) fn run(client: &Client, format: OutputFormat, out: &mut dyn Write) -> Result<(), CliError> {
    for line in client.events()? {
        let line = line?;
        let Some(data) = line.strip_prefix("data:") else { continue };
        let data = data.trim_start();
        match format {
            OutputFormat::Json => writeln!(out, "{data}")?,
            OutputFormat::Table => writeln!(out, "{}", printable(&for_a_person(data)?))?,
        }
        out.flush()?;
    }
    Ok(())
}

fn for_a_person(data: &str) -> Result<String, CliError> {
    let event: Event =
        serde_json::from_str(data).map_err(|error| ClientError::Decode { path: "/v1/events".to_owned(), reason: error.to_string() })?;
    let what = match event.what {
        EventKind::Started { generation } => format!("the API started with generation {generation}"),
        EventKind::Committed { generation, author, keys } => format!("{author} made generation {generation}: {}", keys.join(" ")),
        EventKind::Apply { apply, generation, state } => format!("apply {apply} of generation {generation}: {state}"),
        EventKind::Confirmed { generation, by } => format!("generation {generation} was confirmed by {by}"),
        EventKind::RolledBack { of, generation, reason } => format!("generation {of} was taken back by {generation}: {reason}"),
        EventKind::CertificateExpires { setting, ends_ms } => format!("the certificate in {setting} ends at {}", utc(ends_ms)),
        EventKind::Update { state, version, boot } => {
            let version = version.map(|version| format!(" ({version})")).unwrap_or_default();
            format!("updates: {state:?}{version}, the running version: {boot}")
        }
        EventKind::Missed { count } => format!("{count} events were missed"),
        _ => "something that a newer node tells; see -o json".to_owned(),
    };
    Ok(format!("{}  {what}", utc(event.time_ms)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_a_sentence_with_its_time() {
        let data = r#"{"id":3,"time-ms":86400000,"kind":"confirmed","generation":7,"by":"local"}"#;
        assert_eq!(for_a_person(data).expect("an event"), "1970-01-02 00:00:00Z  generation 7 was confirmed by local");
        assert!(for_a_person(r#"{"id":3,"time-ms":0,"kind":"of-tomorrow"}"#).expect("an event").contains("newer node"));
    }
}
