//! What is told about a node that serves.

use std::time::Duration;

use ampoule_api_client::Client;
use ampoule_api_types::v1::BootReport;
use ampoule_builder::Manifest;

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
    let boot: BootReport = client.get_json("/v1/boot").unwrap_or_default();
    let mut lines = vec![
        String::new(),
        row("node", &format!("Ampoule {} {}, kernel {}", manifest.variant, manifest.version, manifest.kernel)),
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
        row("memory", &format!("{} MiB, {} processor{}", args.memory, args.cpus, if args.cpus == 1 { "" } else { "s" })),
        row("root hash", &manifest.root_hash),
    ];
    lines.extend(what.map(|what| row("workload", &what.describe())));
    lines.push(row("console log", &session.folder.console().display().to_string()));
    lines.join("\n")
}

fn row(name: &str, value: &str) -> String {
    format!("  {name:12} {value}")
}

/// Kernel start to API as the node measured it, and the whole as this machine saw it.
fn boot_line(boot: &BootReport, started: Duration) -> String {
    let since = |ms: Option<u64>, what: &str| ms.map(|ms| format!("to {what} {}", figures::duration(Duration::from_millis(ms))));
    let kernel: Vec<String> = [since(boot.init_ms, "init"), since(boot.api_ms, "API")].into_iter().flatten().collect();
    let kernel = if kernel.is_empty() { String::new() } else { format!("kernel {}; ", kernel.join(", ")) };
    format!("{kernel}power-on to serving {}", figures::duration(started))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_without_the_api_is_no_problem() {
        let whole = Duration::from_secs(4);
        assert_eq!(boot_line(&BootReport::default(), whole), "power-on to serving 4.0 s");
        let report = BootReport { api_ms: Some(2500), ..BootReport::default() };
        assert_eq!(boot_line(&report, whole), "kernel to API 2.5 s; power-on to serving 4.0 s");
    }
}
