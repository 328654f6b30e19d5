//! What scripts written for Bottlerocket's `apiclient` do, with our command line.

use ampoule_api_cli::{Arguments, CliError, run};
use anyhow::{Result, ensure};
use clap::Parser;

use crate::{
    context::Context,
    framework::{Node, within},
    runner::Case,
};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "scripts_of_apiclient_work",
        about: "raw, get, set and apply take, print and refuse what Bottlerocket's apiclient does",
        limit: within(240),
        soak: false,
        run: scripts_of_apiclient_work,
    },
    Case {
        name: "changes_are_planned_and_confirmed_from_the_command_line",
        about: "a dry run changes nothing; a confirmed change stays, one that is not confirmed returns; history tells all",
        limit: within(240),
        soak: false,
        run: changes_are_planned_and_confirmed,
    },
];

#[derive(Parser)]
struct Program {
    #[command(flatten)]
    arguments: Arguments,
}

/// What `apiclient WORDS` prints, with `input` as its standard input.
fn apiclient(node: &Node, words: &[&str], input: &str) -> Result<String> {
    let program = Program::try_parse_from(["apiclient"].iter().chain(words))?;
    let mut out = Vec::new();
    run(&node.client()?, &program.arguments, &mut input.as_bytes(), &mut out)?;
    Ok(String::from_utf8(out)?)
}

fn scripts_of_apiclient_work(context: &Context) -> Result<()> {
    let mut node = context.node().start()?;
    node.boots()?;
    ensure!(apiclient(&node, &["-u", "/os"], "")?.contains("variant_id"));

    ensure!(apiclient(&node, &["set", "network.hostname=node-7"], "")?.is_empty());
    ensure!(apiclient(&node, &["get", "settings.network"], "")?.contains("node-7"));
    apiclient(&node, &["set", "-j", "{\"motd\": \"by JSON\"}"], "")?;
    apiclient(&node, &["apply", "-"], "[settings.network]\nhostname = \"node-8\"\n")?;
    let everything = apiclient(&node, &["get"], "")?;
    for wanted in ["node-8", "by JSON", "version_id"] {
        ensure!(everything.contains(wanted), "no {wanted:?} in {everything}");
    }

    let refused = apiclient(&node, &["set", "network.hostname=not a name"], "");
    let Err(error) = refused else { anyhow::bail!("a wrong host name was taken") };
    let code = error.downcast_ref::<CliError>().map(CliError::exit_code);
    ensure!(code == Some(1) && error.to_string().contains("network.hostname"), "{error:#}");
    ensure!(apiclient(&node, &["get", "settings.network"], "")?.contains("node-8"), "it changed all the same");

    // The API answers before everything that it asks is up.
    node.eventually("hostd answers", within(120), |node| Ok(node.client()?.workloads().map(drop)?))?;
    for (words, wanted) in [("services", "apid"), ("network", "10.0.2."), ("boot", "apid"), ("workloads", "NAME"), ("logs", "apid")] {
        let shown = apiclient(&node, &[words], "")?;
        ensure!(shown.contains(wanted), "{words} shows {shown}");
    }
    bottlerocket_scripts(&node)
}

/// Lines of scripts as Bottlerocket's users have them: a drain script, a provisioning script, an update script.
fn bottlerocket_scripts(node: &Node) -> Result<()> {
    let variant = apiclient(node, &["raw", "-u", "/os", "-m", "GET"], "")?;
    let variant: serde_json::Value = serde_json::from_str(&variant)?;
    ensure!(variant["variant_id"].is_string() && variant["arch"].is_string(), "{variant}");

    apiclient(node, &["raw", "-u", "/settings?tx=mine", "-X", "PATCH", "-d", "{\"motd\": \"in steps\"}"], "")?;
    ensure!(apiclient(node, &["raw", "-u", "/tx/list"], "")?.contains("\"mine\""));
    let committed = apiclient(node, &["-u", "/tx/commit_and_apply?tx=mine", "-m", "POST"], "")?;
    ensure!(committed.trim() == "[\"settings.motd\"]", "{committed}");

    let canonical = apiclient(node, &["get", "settings.motd", "--canonicalize"], "")?;
    ensure!(canonical == "{\"settings\":{\"motd\":\"in steps\"}}\n", "{canonical}");
    let services = apiclient(node, &["raw", "-u", "/metadata/affected-services?keys=settings.network.hostname"], "")?;
    ensure!(services.contains("netd"), "{services}");

    let report = apiclient(node, &["report", "cis"], "")?;
    ensure!(report.ends_with("Compliance check result: PASS \n"), "{report}");
    let fips = apiclient(node, &["report", "fips", "-f", "json"], "")?;
    ensure!(fips.contains("\"status\":\"FAIL\""), "{fips}");

    for (words, said) in [(&["report", "cis-k8s"][..], "422"), (&["exec", "admin", "true"], "422"), (&["ephemeral-storage", "init"], "422")]
    {
        let Err(error) = apiclient(node, words, "") else { anyhow::bail!("{words:?} did something") };
        let code = error.downcast_ref::<CliError>().map(CliError::exit_code);
        ensure!(code == Some(1) && error.to_string().contains(said), "{words:?}: {error:#}");
    }
    Ok(())
}

fn changes_are_planned_and_confirmed(context: &Context) -> Result<()> {
    let mut node = context.node().start()?;
    node.boots()?;
    let before = apiclient(&node, &["get", "settings.motd"], "")?;
    let plan = apiclient(&node, &["apply", "--dry-run"], "[settings]\nmotd = \"planned\"\n")?;
    ensure!(plan.contains("\"planned\"") && plan.contains("changed /etc/motd"), "{plan}");
    ensure!(apiclient(&node, &["get", "settings.motd"], "")? == before, "a dry run changed something");

    let made = apiclient(&node, &["set", "motd=kept", "--confirm", "5m", "--message", "for good"], "")?;
    ensure!(made.contains("ampctl confirm"), "{made}");
    apiclient(&node, &["confirm"], "")?;
    apiclient(&node, &["set", "motd=lost", "--confirm", "5m"], "")?;
    apiclient(&node, &["rollback"], "")?;
    ensure!(apiclient(&node, &["get", "settings.motd"], "")?.contains("kept"));

    let history = apiclient(&node, &["history"], "")?;
    ensure!(history.contains("for good") && history.contains("rollback of"), "{history}");
    ensure!(apiclient(&node, &["settings", "motd"], "")?.contains("chosen"));
    apiclient(&node, &["unset", "motd"], "")?;
    ensure!(apiclient(&node, &["settings", "motd"], "")?.contains("default"));
    let metrics = apiclient(&node, &["raw", "-u", "/v1/metrics"], "")?;
    for wanted in [
        "ampoule_build_info{",
        "ampoule_service_state{service=\"apid\",state=\"running\"} 1",
        "ampoule_service_memory_bytes{service=\"apid\"}",
    ] {
        ensure!(metrics.contains(wanted), "no {wanted} in {metrics}");
    }
    Ok(())
}
