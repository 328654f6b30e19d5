//! What services say of being ready, and what those that require them make of it.

use std::fs;

use ampoule_api_types::v1::{BootStep, ServiceState};
use ampoule_builder::{Silent, unpack, with_root};
use anyhow::{Context as _, Result, ensure};

use crate::{
    context::{Context, checkout},
    framework::{Node, within},
    runner::Case,
};

pub(super) const CASES: &[Case] = &[Case {
    name: "a_socket_says_that_a_service_is_ready",
    about: "a service with readiness by socket is ready when its socket takes connections and not when it is there, and what requires it starts then; one whose socket never does is ended in time, again and again, and what requires it never starts; one that does not end when told to is killed and named",
    limit: within(300),
    soak: false,
    run: a_socket_says_that_a_service_is_ready,
}];

/// One that takes its time and one that requires it; one that never listens and one that requires that; one that does not end when it is told to.
const SERVICES: [&str; 5] = ["late", "caller", "deaf", "waiter", "stubborn"];
/// Between the two moments at which the socket is there and listened on (`tests/probe/src/sockets.rs`).
const ITS_TIME_MS: u64 = 5_000;

fn a_socket_says_that_a_service_is_ready(context: &Context) -> Result<()> {
    let image = context.folder().join("image");
    make_image(context)?;
    let mut node = context.node_with_probe()?.of_image(image.clone()).start()?;
    node.boots()?;
    node.says("caller", "PROBE caller is let in", within(120))?;
    let steps = node.client()?.boot()?.steps;
    let (born, ready) = (moment(&steps, "late", ServiceState::Starting)?, moment(&steps, "late", ServiceState::Running)?);
    ensure!(ready >= born + ITS_TIME_MS, "it counted as ready after {} ms, before anybody listened", ready - born);
    let caller = moment(&steps, "caller", ServiceState::Running)?;
    ensure!(caller >= ready, "what requires it started at {caller} ms, and it was ready at {ready} ms");
    the_deaf_one_is_ended_and_waited_for(&mut node)?;
    node.stops_at_the_power_button()?;
    ensure!(node.console().contains("Service `stubborn` does not stop and is killed"), "who held up the end is not named");
    Ok(fs::remove_dir_all(image)?)
}

fn the_deaf_one_is_ended_and_waited_for(node: &mut Node) -> Result<()> {
    node.eventually("the deaf one was ended twice", within(60), |node| {
        let deaf = node.service("deaf")?;
        ensure!(deaf.restarts >= 2, "{deaf:?}");
        Ok(())
    })?;
    let told = node.log_of("kernel")?;
    ensure!(told.iter().any(|line| line.text.contains("Service `deaf` was not ready in its time and is started again")), "no reason given");
    let waiter = node.service("waiter")?;
    ensure!(waiter.state == ServiceState::Waiting && waiter.pid.is_none(), "{waiter:?}");
    let steps = node.client()?.boot()?.steps;
    ensure!(!steps.iter().any(|step| step.name == "waiter"), "it was started: {steps:?}");
    ensure!(!steps.iter().any(|step| step.name == "deaf" && step.state == ServiceState::Running), "it counted as ready: {steps:?}");
    Ok(())
}

/// When a service came to a state for the first time, in milliseconds.
fn moment(steps: &[BootStep], name: &str, state: ServiceState) -> Result<u64> {
    let step = steps.iter().find(|step| step.name == name && step.state == state);
    Ok(step.with_context(|| format!("{name} never was {state}"))?.ms)
}

/// The image of the variant `test` with the services of this test.
fn make_image(context: &Context) -> Result<()> {
    let (from, out, tree) = (context.probe_image()?, context.folder().join("image"), context.folder().join("tree"));
    unpack(&from.join("root.erofs"), &tree)?;
    for name in SERVICES {
        let file = format!("{name}.toml");
        fs::copy(checkout()?.join("tests/fixtures/services").join(&file), tree.join("usr/lib/ampoule/services").join(&file))?;
    }
    fs::create_dir(&out)?;
    with_root(&from, &tree, &checkout()?.join("policy/selinux/file-contexts"), &out, context.cache(), &Silent)?;
    Ok(fs::remove_dir_all(&tree)?)
}
