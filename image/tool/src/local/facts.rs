//! What is told about a node that serves.

use std::time::Duration;

use ampoule_api_client::Client;
use ampoule_builder::Manifest;
use serde_json::Value;

use crate::{
    cli::RunArgs,
    figures,
    local::{session::Session, workload::Workload},
};

/// A block of lines for a person.
pub(crate) fn describe(
    args: &RunArgs,
    manifest: &Manifest,
    session: &Session,
    client: &Client,
    what: Option<&Workload>,
    started: Duration,
) -> String {
    let boot: Value = client.get_json("/v1/boot").unwrap_or_default();
    let mut lines = vec![
        String::new(),
        row(
            "node",
            &format!(
                "Ampoule {} {}, kernel {}",
                manifest.variant, manifest.version, manifest.kernel
            ),
        ),
        row("engine", &session.machine.config().accelerator.to_string()),
        row("boot", &boot_line(&boot, started)),
        row(
            "image",
            &format!(
                "root {}, disk {}, {} executables",
                figures::bytes(manifest.sizes.root),
                figures::bytes(manifest.sizes.qcow2),
                manifest.executables.len()
            ),
        ),
        row(
            "memory",
            &format!("{} MiB, {} processors", args.memory, args.cpus),
        ),
        row("root hash", &manifest.root_hash),
    ];
    lines.extend(what.map(|what| row("workload", &what.describe())));
    lines.push(row(
        "console log",
        &session.folder.console().display().to_string(),
    ));
    lines.join("\n")
}

fn row(name: &str, value: &str) -> String {
    format!("  {name:12} {value}")
}

/// Kernel start to API as the node measured it, and the whole as this machine saw it.
fn boot_line(boot: &Value, started: Duration) -> String {
    let whole = format!("serving {} after power-on", figures::duration(started));
    match api_ready(boot) {
        Some(ready) => format!(
            "API {} after kernel start, {whole}",
            figures::duration(ready)
        ),
        None => whole,
    }
}

/// When `apid` was ready, from the boot report.
fn api_ready(boot: &Value) -> Option<Duration> {
    let services = boot["services"].as_array()?;
    let apid = services.iter().find(|service| service["name"] == "apid")?;
    let millis = ["ready-ms", "ready_ms"]
        .iter()
        .find_map(|key| apid[*key].as_u64())?;
    Some(Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_report_without_the_api_is_no_problem() {
        let whole = Duration::from_secs(4);
        assert_eq!(
            boot_line(&Value::Null, whole),
            "serving 4.0 s after power-on"
        );
        let report = json!({ "services": [{ "name": "apid", "ready-ms": 2500 }] });
        assert!(boot_line(&report, whole).starts_with("API 2.5 s after kernel start"));
    }
}
