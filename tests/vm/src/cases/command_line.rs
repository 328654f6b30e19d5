//! What scripts written for Bottlerocket's `apiclient` do, with our command line.

use ampoule_api_cli::{Arguments, CliError, run};
use anyhow::{Result, ensure};
use clap::Parser;

use crate::{
    context::Context,
    framework::{Node, within},
    runner::Case,
};

pub(super) const CASES: &[Case] = &[Case {
    name: "scripts_of_apiclient_work",
    about: "raw, get, set and apply take, print and refuse what Bottlerocket's apiclient does",
    limit: within(240),
    soak: false,
    run: scripts_of_apiclient_work,
}];

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

    for (words, wanted) in [("services", "apid"), ("network", "10.0.2."), ("boot", "apid"), ("workloads", "NAME"), ("logs", "apid")] {
        let shown = apiclient(&node, &[words], "")?;
        ensure!(shown.contains(wanted), "{words} shows {shown}");
    }
    Ok(())
}
