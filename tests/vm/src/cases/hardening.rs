//! The node measured by lists that others made: the Kernel Self-Protection Project's, and the CIS benchmark.

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use std::collections::BTreeMap;

use super::attacks::report_of;
use crate::{
    context::Context,
    framework::{Node, within},
    runner::Case,
};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "sysctls_are_those_of_the_list",
        about: "each sysctl of policy/kernel/hardening.toml has the value that is recommended, or the one that the list gives a reason for",
        limit: within(300),
        soak: false,
        run: sysctls_are_those_of_the_list,
    },
    Case {
        name: "report_cis",
        about: "the node passes level 1 of the CIS benchmark; of level 2 it fails what is known and explained, and nothing else",
        limit: within(300),
        soak: false,
        run: report_cis,
    },
    Case {
        name: "checkers_of_others",
        about: "what lynis looks at in a kernel, and spectre-meltdown-checker, run to their ends in a default workload and then in the widest one; what they say is kept for the reader",
        // Shell scripts that start thousands of programs: a quarter of an hour each under emulation.
        limit: within(4000),
        soak: true,
        run: checkers_of_others,
    },
];

const LIST: &str = include_str!("../../../../policy/kernel/hardening.toml");

fn sysctls_are_those_of_the_list(context: &Context) -> Result<()> {
    let mut node = context.node_with_probe()?.with_settings("motd = \"probe-hardening\"").start()?;
    node.boots()?;
    let lines = report_of(&mut node, "hardening")?;
    let found: BTreeMap<&str, &str> = lines.iter().filter_map(|line| line.split_once("hardening ")?.1.split_once(" = ")).collect();
    let expected = expected()?;
    ensure!(expected.len() > 10, "the list has shrunk: {expected:#?}");
    for (name, wanted) in &expected {
        let value = found.get(name.as_str()).with_context(|| format!("the probe did not read {name}"))?;
        ensure!(wanted.as_ref().is_none_or(|wanted| wanted == value), "{name} is {value}, not {wanted:?}");
    }
    Ok(())
}

/// By name; `None` where the list gives a reason for any value.
fn expected() -> Result<BTreeMap<String, Option<String>>> {
    let list: toml::Table = LIST.parse()?;
    let sysctls = list["sysctl"].as_table().context("no sysctls")?;
    let deviations = list["sysctl-deviation"].as_table().context("no deviations")?;
    let text = |value: &toml::Value| value.as_str().map(str::to_owned);
    Ok(sysctls
        .iter()
        .map(|(name, value)| {
            let ours = deviations.get(name).map(|deviation| deviation.get("ours").and_then(text));
            (name.clone(), ours.unwrap_or_else(|| text(value)))
        })
        .collect())
}

/// User namespaces, logging of strange packets, and a firewall where nothing listens; `lib/cis` has the reasons.
const KNOWN: [&str; 6] = ["br01040400", "br03020400", "br03040101", "br03040102", "br03040201", "br03040202"];

fn report_cis(context: &Context) -> Result<()> {
    let mut node = context.node().start()?;
    node.boots()?;
    let passes = node.eventually("the services are up", within(120), |node| failed(node, 1))?;
    ensure!(passes.is_empty(), "level 1: {passes:#?}");
    let failures = failed(&node, 2)?;
    ensure!(failures.keys().eq(KNOWN.iter()), "level 2: {failures:#?}");
    ensure!(failed_of(&node, "/report/fips?format=json")?.len() == 3, "this image is not FIPS");
    node.stops_at_the_power_button()
}

fn failed(node: &Node, level: u8) -> Result<BTreeMap<String, String>> {
    failed_of(node, &format!("/report/cis?level={level}&format=json"))
}

/// Names of the checks that did not pass, with what they say.
fn failed_of(node: &Node, path: &str) -> Result<BTreeMap<String, String>> {
    let body = node.client()?.call(ampoule_api_client::Method::Get, path, None)?.body;
    let report: serde_json::Value = serde_json::from_slice(&body)?;
    let results = report["results"].as_object().context("no results")?;
    let failed = results.iter().filter(|(_, result)| result["status"] == "FAIL");
    Ok(failed.map(|(name, result)| (name.clone(), result["error"].as_str().unwrap_or_default().to_owned())).collect())
}

/// Fewest tests that lynis makes of the groups it is given. Of those that it does not know it makes none, and ends well.
const LYNIS_TESTS: u32 = 40;

/// Nobody's word but the checkers': what they find is in `docs/attacks.md`.
fn checkers_of_others(context: &Context) -> Result<()> {
    let registry = context.registry()?;
    let image = registry.image("checkers")?;
    let mut node = context.node().trusting_registry(&registry.address()).start()?;
    node.boots()?;
    for (name, user_namespace) in [("default", true), ("widest", false)] {
        node.set(json!({ "workloads": { name: { "image": image, "user-namespace": user_namespace } } }))?;
        node.runs(name)?;
        let lines = node.says(&format!("workload/{name}"), "CHECKED", within(1800))?;
        std::fs::write(context.folder().join(name), lines.join("\n"))?;
        let tests = lines.iter().find_map(|line| line.split_once("Tests performed :")?.1.split_whitespace().next()?.parse::<u32>().ok());
        ensure!(tests.is_some_and(|tests| tests >= LYNIS_TESTS), "{name}: lynis made {tests:?} tests, not {LYNIS_TESTS}");
        for word in ["Hardening index", "CVE-2017-5754"] {
            ensure!(lines.iter().any(|line| line.contains(word)), "{name}: no {word}");
        }
        node.set(json!({ "workloads": { name: { "enabled": false } } }))?;
    }
    node.stops_at_the_power_button()
}
