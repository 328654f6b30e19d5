//! A node comes up and says what it is.

use ampoule_api_client::Method;
use ampoule_api_types::Role;
use anyhow::{Result, ensure};

use crate::{context::Context, framework::within, runner::Case};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "boots_and_answers",
        about: "a node boots; its API answers over mutual TLS, and only to who may ask",
        limit: within(240),
        soak: false,
        run: boots_and_answers,
    },
    Case {
        name: "boots_through_firmware",
        about: "firmware, boot loader and unified kernel image bring up the same node",
        limit: within(360),
        soak: false,
        run: boots_through_firmware,
    },
    Case {
        name: "reboots_by_api",
        about: "a restart asked for over the API comes back with the same settings",
        limit: within(300),
        soak: false,
        run: reboots_by_api,
    },
];

fn boots_and_answers(context: &Context) -> Result<()> {
    let mut node = context.node().with_settings("motd = \"sealed\"").start()?;
    let facts = node.boots()?;
    ensure!(facts.arch == "x86_64" && !facts.variant_id.is_empty(), "{facts:?}");

    let settings = node.client()?.settings(Some("settings.motd"))?;
    ensure!(settings["motd"] == "sealed" || settings["settings"]["motd"] == "sealed", "{settings}");

    let boot = node.client()?.boot()?;
    ensure!(boot.steps.iter().any(|step| step.name == "apid"), "an empty boot report: {boot:?}");
    ensure!(node.service("apid")?.pid.is_some(), "apid has no process");

    let reader = node.client_as(Role::Reader)?;
    reader.os()?;
    let change = reader.request(Method::Patch, "/settings?tx=t", Some(b"{\"motd\":\"mine\"}"))?;
    ensure!(change.status == 403, "a reader's change is answered with {}", change.status);

    node.stops_at_the_power_button()
}

fn boots_through_firmware(context: &Context) -> Result<()> {
    let mut node = context.node().through_firmware().start()?;
    node.boots()?;
    node.stops_at_the_power_button()
}

fn reboots_by_api(context: &Context) -> Result<()> {
    let mut node = context.node().start()?;
    node.boots()?;
    node.set(serde_json::json!({ "motd": "still here" }))?;
    node.reboots()?;
    let settings = node.client()?.settings(Some("settings.motd"))?;
    ensure!(settings.to_string().contains("still here"), "{settings}");
    Ok(())
}
