//! What a newcomer sees: the demo workload on a local port.

use std::fs;

use ampoule_machine::HOST_SEEN_FROM_GUEST;
use ampoule_registry::{PackedFile, Registry, pack};
use anyhow::{Context as _, Result, ensure};

use crate::{context::Context, framework::within, runner::Case, software::get};

pub(super) const CASES: &[Case] = &[Case {
    name: "demo_serves",
    about: "the demo workload comes from the embedded registry and serves over its published port",
    limit: within(300),
    soak: false,
    run: demo_serves,
}];

fn demo_serves(context: &Context) -> Result<()> {
    let content = fs::read(context.demo()?).context("the demo's program")?;
    let file = PackedFile { path: "demo".into(), content, mode: 0o755 };
    let registry = Registry::start(vec![("demo".into(), pack(&[file], &["/demo"])?)])?;
    let address = format!("{HOST_SEEN_FROM_GUEST}:{}", registry.port());
    let mut node = context
        .node()
        .opening(8080)
        .trusting_registry(&address)
        .with_settings(&format!("[workloads.demo]\nimage = \"{address}/demo:1\"\npublish = [\"8080:8080\"]\n"))
        .start()?;
    node.boots()?;
    node.runs("demo")?;
    let port = node.port(8080)?;
    let page = node.eventually("the page answers", within(60), |_| get(port, "/"))?;
    ensure!(page.contains("<html"), "no page: {page:.200}");
    ensure!(page.contains("All refused"), "it can leave its box: {page}");
    ensure!(get(port, "/healthz").is_ok(), "it is not healthy");
    Ok(())
}
