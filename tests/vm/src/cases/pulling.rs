//! Pulling an image over a road that breaks.

use ampoule_api_types::v1::WorkloadState;
use anyhow::{Result, ensure};
use serde_json::json;

use crate::{context::Context, framework::within, runner::Case, software::FlakyRoad};

/// Large enough that a pull is caught in the middle, also on a fast machine.
const IMAGE_MEBIBYTES: u64 = 200;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "pull_survives_a_dying_registry",
        about: "the registry dies half-way through a 200 MiB image: the state says so, and the pull ends well once it is back",
        limit: within(900),
        soak: false,
        run: pull_survives_a_dying_registry,
    },
    Case {
        name: "plain_http_is_refused_unless_allowed",
        about: "nothing is pulled from a registry without TLS, and the state says why, until a setting names it; then the workload runs",
        limit: within(480),
        soak: false,
        run: plain_http_is_refused,
    },
];

fn pull_survives_a_dying_registry(context: &Context) -> Result<()> {
    let registry = context.registry()?;
    let image = registry.with_noise("shell", IMAGE_MEBIBYTES)?;
    let road = FlakyRoad::to(registry.port(), IMAGE_MEBIBYTES / 2 * 1024 * 1024)?;
    let image = image.replace(&registry.address(), &road.address());
    let mut node = context
        .node()
        .trusting_registry(&road.address())
        .with_settings(&format!("[workloads.large]\nimage = \"{image}\"\ncommand = [\"/bin/sleep\", \"infinity\"]\n"))
        .start()?;
    node.boots()?;
    node.eventually("progress can be seen", within(120), |node| {
        let facts = node.workload("large")?;
        let come = facts.pull.is_some_and(|pull| pull.bytes > 0);
        ensure!(road.is_broken() || come, "{facts:?}");
        Ok(())
    })?;
    let told = node.eventually("the failure is told", within(300), |node| {
        ensure!(road.is_broken(), "the road has not broken yet");
        let facts = node.workload("large")?;
        ensure!([WorkloadState::BackingOff, WorkloadState::Failed].contains(&facts.state), "{facts:?}");
        Ok(facts)
    })?;
    ensure!(told.message.len() > 10, "without a reason: {told:?}");
    ensure!(node.workload("large")?.pid.is_none(), "something runs without an image");

    road.mend();
    node.workload_gets("large", WorkloadState::Running, within(400)).map(drop)
}

fn plain_http_is_refused(context: &Context) -> Result<()> {
    let registry = context.registry()?;
    let image = registry.image("shell")?;
    let settings = format!("[workloads.app]\nimage = \"{image}\"\ncommand = [\"/bin/sleep\", \"infinity\"]\n");
    let mut node = context.node().with_settings(&settings).start()?;
    node.boots()?;
    let told = node.eventually("the refusal is told", within(180), |node| {
        let facts = node.workload("app")?;
        ensure!([WorkloadState::BackingOff, WorkloadState::Failed].contains(&facts.state), "{facts:?}");
        // A try before the network was there has another reason, and the next one this.
        ensure!(facts.message.contains("HTTP response to HTTPS client"), "without the reason: {facts:?}");
        Ok(facts)
    })?;
    ensure!(told.pid.is_none(), "it runs all the same: {told:?}");

    node.set(json!({ "container-registry": { "plain-http": [registry.address()] } }))?;
    node.runs("app").map(drop)
}
