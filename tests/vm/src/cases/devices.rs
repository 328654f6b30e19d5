//! Drivers that are no part of the kernel itself come with the devices that want them.

use ampoule_api_types::v1::InterfaceStatus;
use anyhow::{Context as _, Result, ensure};

use crate::{
    context::Context,
    framework::{Node, within},
    runner::Case,
};

pub(super) const CASES: &[Case] = &[Case {
    name: "a_driver_is_loaded_for_its_device",
    about: "the driver of a network card, a module, is loaded for the card's alias, and the card gets an address; without the card, or where settings deny it, the module stays out",
    limit: within(480),
    soak: false,
    run: a_driver_is_loaded_for_its_device,
}];

/// The card's driver, a module of the image, and the card as its alias names it.
const MODULE: &str = "e1000e";
const ALIAS: &str = "pci:v00008086d000010D3";
const MAC: &str = "52:54:00:a3:70:1e";
/// Addresses of the network behind it begin so.
const NETWORK: &str = "10.0.3.";

fn a_driver_is_loaded_for_its_device(context: &Context) -> Result<()> {
    let mut node = context.node().start()?;
    node.boots()?;
    ensure!(card(&node)?.is_none() && loads(&node)?.is_empty(), "the node has no such card: {:?}", loads(&node)?);
    ensure!(!kernel_names_the_driver(&node)?, "the driver is there without a device: it is no module");
    node.stops_at_the_power_button()?;

    let mut node = node.starts_again_with(card_arguments())?;
    node.boots()?;
    node.eventually("the card is in use", within(60), |node| {
        let card = card(node)?.context("no link of its address")?;
        let leased = card.addresses.iter().any(|address| address.starts_with(NETWORK));
        ensure!(card.carrier && leased, "{card:?}");
        Ok(())
    })?;
    let lines = loads(&node)?;
    ensure!(lines.iter().any(|line| line.starts_with(&format!("{MODULE} is loaded for {ALIAS}"))), "not for its alias: {lines:?}");
    ensure!(kernel_names_the_driver(&node)?, "the kernel does not tell of its driver");
    node.set(serde_json::json!({ "kernel": { "modules": { MODULE: { "allowed": false } } } }))?;
    node.says("modload", &format!("settings.kernel.modules keeps out: {MODULE}"), within(60))?;
    node.reboots()?;
    let refusals = node.log_of("modload")?.iter().filter(|line| line.text.ends_with(&format!("does not allow {MODULE}"))).count();
    ensure!(card(&node)?.is_none() && loads(&node)?.len() == 1 && refusals > 0, "it was loaded: {:?}", node.log_of("modload")?);
    node.stops_at_the_power_button()
}

/// The card, in QEMU's words, with a network of its own behind it.
pub(super) fn card_arguments() -> Vec<String> {
    let device = format!("{MODULE},netdev=net1,mac={MAC},romfile=");
    vec!["-netdev".into(), format!("user,id=net1,net={NETWORK}0/24"), "-device".into(), device]
}

/// The link that the card is, if the kernel has made one of it.
pub(super) fn card(node: &Node) -> Result<Option<InterfaceStatus>> {
    Ok(node.client()?.network()?.interfaces.into_iter().find(|link| link.mac == MAC))
}

/// What is said of the module being loaded.
pub(super) fn loads(node: &Node) -> Result<Vec<String>> {
    let lines = node.log_of("modload")?.into_iter().map(|line| line.text);
    Ok(lines.filter(|text| text.starts_with(&format!("{MODULE} is loaded"))).collect())
}

fn kernel_names_the_driver(node: &Node) -> Result<bool> {
    Ok(node.log_of("kernel")?.iter().any(|line| line.text.starts_with(&format!("{MODULE}:"))))
}
