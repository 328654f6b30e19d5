//! Types of values that several namespaces have.

mod base64;
mod one_or_many;
mod url;

use crate::checked_text::{checked_text, must};
use crate::choice::choice;

pub use base64::Base64;
pub use one_or_many::OneOrMany;
pub use url::Url;

checked_text! {
    /// A version: `latest`, or a semantic version (semver.org), maybe with a `v` before it.
    FriendlyVersion = check_version, "\"latest\" or a version like \"1.2.3\" or \"v1.2.3\"";
    /// A span of time as Kubernetes writes it: whole or decimal numbers with `h`, `m`, `s` and `ms`, in this order, each at most once.
    KubernetesDuration = check_kubernetes_duration, "a time span like \"30s\", \"12h\" or \"1h30m\"";
    /// A span of time as Go writes it: decimal numbers, each with `h`, `m`, `s`, `ms`, `us` or `ns`.
    GoDuration = check_go_duration, "a time span like \"30s\", \"3h\" or \"1m30s\"";
    /// A list of processors as `cpuset(7)` writes it.
    CpuSet = check_cpu_set, "processors like \"0\", \"0-3\" or \"0-3,8\"";
}

choice! {
    /// When a bootstrap container or command runs.
    BootstrapMode { Off = "off", Once = "once", Always = "always" }
}

fn check_version(text: &str) -> Result<(), String> {
    let is_right = text == "latest" || semver::Version::parse(text.strip_prefix('v').unwrap_or(text)).is_ok();
    must(is_right, "this is not a version")
}

/// Takes a decimal number off the front; what is left.
fn after_number(text: &str) -> Option<&str> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    let digits = number.bytes().any(|b| b.is_ascii_digit());
    (digits && number.matches('.').count() <= 1 && !number.starts_with('.') && !number.ends_with('.')).then_some(rest)
}

fn check_kubernetes_duration(text: &str) -> Result<(), String> {
    const UNITS: [&str; 4] = ["h", "m", "s", "ms"];
    must(text.len() <= 64 && units_of(text, &UNITS).is_some_and(|units| !units.is_empty() && units.is_sorted_by(|a, b| a < b)), WRONG_SPAN)
}

const WRONG_SPAN: &str = "this is not a time span";

fn check_go_duration(text: &str) -> Result<(), String> {
    const UNITS: [&str; 7] = ["h", "m", "s", "ms", "us", "µs", "ns"];
    must(text.len() <= 64 && units_of(text, &UNITS).is_some_and(|units| !units.is_empty()), WRONG_SPAN)
}

/// Places in `known` of the units behind the numbers of a time span.
fn units_of(mut text: &str, known: &[&str]) -> Option<Vec<usize>> {
    let mut units = Vec::new();
    while !text.is_empty() {
        let rest = after_number(text)?;
        let end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        units.push(known.iter().position(|unit| *unit == &rest[..end])?);
        text = &rest[end..];
    }
    Some(units)
}

fn check_cpu_set(text: &str) -> Result<(), String> {
    let number = |n: &str| n.parse::<u16>().ok().filter(|_| n.bytes().all(|b| b.is_ascii_digit()));
    let is_range = |range: &str| match range.split_once('-') {
        Some((first, last)) => number(first).zip(number(last)).is_some_and(|(first, last)| first <= last),
        None => number(range).is_some(),
    };
    must(text.len() <= 1024 && text.split(',').all(is_range), "this is not a list of processors")
}
