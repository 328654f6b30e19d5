//! Figures of the node, in the text format of Prometheus (version 0.0.4).

use super::served::Served;
use super::{Answer, Node};
use crate::clock::{boot_ms, unix_ms};
use crate::{certificates, node};
use ampoule_api_types::OsInfo;
use ampoule_api_types::operations::METRICS;
use ampoule_api_types::v1::{ServiceStatus, StandingInfo};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use std::fmt::Write;
use std::path::Path;

/// Where the kernel keeps the figures of each service; `init` puts a service into a group of its name.
const GROUPS: &str = "/sys/fs/cgroup/system";

pub(super) fn routes() -> Served {
    Served::default().serve(&METRICS, metrics)
}

async fn metrics(State(node): Node) -> Answer<Response> {
    let mut page = Page::default();
    build(&mut page, &super::node::os_info(&node)?);
    page.metric("ampoule_uptime_seconds", "gauge", "Seconds since the kernel started.");
    page.sample("ampoule_uptime_seconds", &[], boot_ms() / 1000);
    standing(&mut page, &super::changes::standing(&node).await);
    let remote = node.core.lock().await.state().settings.api.remote.clone();
    expiries(&mut page, &certificates::expiries(&remote));
    match node::init(&node.options.init, |init| init.services()).await {
        Ok(all) => services(&mut page, &all.into_iter().map(node::service).collect::<Vec<_>>()),
        Err(_) => page.unreachable("init"),
    }
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], page.text).into_response())
}

/// A page of metrics.
#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    /// The head of a metric; its samples follow.
    fn metric(&mut self, name: &str, kind: &str, about: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "# HELP {name} {about}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: u64) {
        let labels: Vec<String> = labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.text, "{name}{labels} {value}");
    }

    /// Figures that are missing on this page.
    fn unreachable(&mut self, program: &str) {
        self.metric("ampoule_unreachable", "gauge", "1 for a program of the node whose figures are missing because it does not answer.");
        self.sample("ampoule_unreachable", &[("program", program)], 1);
    }
}

/// A label's value: backslash, quote and line feed are written with a backslash.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn build(page: &mut Page, os: &OsInfo) {
    page.metric("ampoule_build_info", "gauge", "What the node runs; always 1.");
    let labels = [("version", &*os.version_id), ("variant", &os.variant_id), ("build", &os.build_id), ("arch", &os.arch)];
    page.sample("ampoule_build_info", &labels, 1);
}

fn standing(page: &mut Page, standing: &StandingInfo) {
    page.metric("ampoule_settings_generation", "gauge", "Number of the settings generation in force.");
    page.sample("ampoule_settings_generation", &[], standing.in_force);
    page.metric("ampoule_settings_confirmed_generation", "gauge", "Number of the last confirmed settings generation.");
    page.sample("ampoule_settings_confirmed_generation", &[], standing.confirmed);
    page.metric("ampoule_settings_pending_confirmation", "gauge", "1 while a generation is on trial.");
    page.sample("ampoule_settings_pending_confirmation", &[], u64::from(standing.trial.is_some()));
}

fn expiries(page: &mut Page, all: &[certificates::Expiry]) {
    if all.is_empty() {
        return;
    }
    page.metric("ampoule_certificate_expiry_seconds", "gauge", "When a certificate in the settings ends, in seconds since 1970.");
    for expiry in all {
        page.sample("ampoule_certificate_expiry_seconds", &[("setting", expiry.setting)], expiry.ends_s);
    }
    page.metric("ampoule_certificate_expires_soon", "gauge", "1 for a certificate that ends within 30 days.");
    for expiry in all {
        page.sample("ampoule_certificate_expires_soon", &[("setting", expiry.setting)], u64::from(expiry.is_near(unix_ms() / 1000)));
    }
}

fn services(page: &mut Page, all: &[ServiceStatus]) {
    page.metric("ampoule_service_state", "gauge", "1 for the state that a service is in.");
    for service in all {
        page.sample("ampoule_service_state", &[("service", &service.name), ("state", &service.state.to_string())], 1);
    }
    page.metric("ampoule_service_restarts_total", "counter", "How often a service was started again by itself.");
    for service in all {
        page.sample("ampoule_service_restarts_total", &[("service", &service.name)], u64::from(service.restarts));
    }
    for (metric, file, help) in MEMORY {
        let used: Vec<(&str, u64)> = all.iter().filter_map(|s| Some((&*s.name, memory(Path::new(GROUPS), &s.name, file)?))).collect();
        if !used.is_empty() {
            page.metric(metric, "gauge", help);
        }
        used.into_iter().for_each(|(name, bytes)| page.sample(metric, &[("service", name)], bytes));
    }
}

/// Metrics of a service's memory, each with the kernel's file (cgroup v2) and what it says.
const MEMORY: [(&str, &str, &str); 2] = [
    ("ampoule_service_memory_bytes", "memory.current", "Memory of a service's control group, files in the page cache included."),
    ("ampoule_service_memory_peak_bytes", "memory.peak", "The most of it since the service was first started."),
];

/// A figure of the kernel, which everybody may read.
fn memory(groups: &Path, service: &str, file: &str) -> Option<u64> {
    let is_plain = service.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    std::fs::read_to_string(groups.join(service).join(file)).ok().filter(|_| is_plain)?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_have_labels_that_cannot_break_the_page() {
        let mut page = Page::default();
        page.sample("a", &[], 1);
        page.sample("b", &[("x", "q\"\\\n"), ("y", "z")], 2);
        assert_eq!(page.text, "a 1\nb{x=\"q\\\"\\\\\\n\",y=\"z\"} 2\n");
    }

    #[test]
    fn memory_is_that_of_the_group_and_no_name_leaves_the_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("netd")).expect("a group");
        std::fs::write(folder.path().join("netd/memory.current"), "4096\n").expect("a figure");
        assert_eq!(memory(folder.path(), "netd", "memory.current"), Some(4096));
        assert_eq!(memory(&folder.path().join("netd"), "../netd", "memory.current"), None);
        assert_eq!(memory(folder.path(), "absent", "memory.current"), None);
    }
}
