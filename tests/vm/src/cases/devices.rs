//! Drivers that are no part of the kernel itself come with the devices that want them.

use ampoule_api_types::v1::InterfaceStatus;
use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::settings;
use crate::{
    context::Context,
    framework::{Node, within},
    runner::Case,
};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "a_driver_is_loaded_for_its_device",
        about: "the driver of a network card, a module, is loaded for the card's alias, and the card gets an address; without the card, or where settings deny it, the module stays out",
        limit: within(480),
        soak: false,
        run: a_driver_is_loaded_for_its_device,
    },
    Case {
        name: "devices_are_plugged_into_a_running_node",
        about: "a network card and a disk that are plugged into a running node, as a cloud does (by ACPI), are found, driven and used without a restart; another card takes the place of the first; when they are taken out, the node serves on",
        limit: within(480),
        soak: false,
        run: |context| devices_come_and_go(context, &[]),
    },
    Case {
        name: "devices_are_plugged_into_ports_that_tell_of_it",
        about: "the same on a machine whose PCI Express ports tell of it themselves, as hardware does",
        limit: within(480),
        soak: false,
        run: |context| devices_come_and_go(context, &WITHOUT_ACPI),
    },
];

/// The card's driver, a module of the image, and the card as its alias names it.
const MODULE: &str = "e1000e";
const ALIAS: &str = "pci:v00008086d000010D3";
pub(super) const MAC: &str = "52:54:00:a3:70:1e";
/// Of the card that takes its place.
const OTHER_MAC: &str = "52:54:00:a3:70:1f";
/// Addresses of the network behind it begin so.
const NETWORK: &str = "10.0.3.";
/// The machine's second disk, as the kernel tells of it.
const SECOND_DISK: &str = "[vdb]";
/// The firmware leaves the ports to the kernel.
const WITHOUT_ACPI: [&str; 2] = ["-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"];

fn a_driver_is_loaded_for_its_device(context: &Context) -> Result<()> {
    let mut node = context.node().start()?;
    node.boots()?;
    has_no_card(&node)?;
    node.stops_at_the_power_button()?;

    let mut node = node.starts_again_with(card_arguments())?;
    node.boots()?;
    is_driven(&mut node)?;
    node.set(json!({ "kernel": { "modules": { MODULE: { "allowed": false } } } }))?;
    node.says("modload", &format!("settings.kernel.modules keeps out: {MODULE}"), within(60))?;
    // Before that, a restart takes the change back.
    settings::is_confirmed(&mut node)?;
    node.reboots()?;
    let refusals = node.log_of("modload")?.iter().filter(|line| line.text.ends_with(&format!("does not allow {MODULE}"))).count();
    ensure!(card(&node, MAC)?.is_none() && loads(&node)?.len() == 1 && refusals > 0, "it was loaded: {:?}", node.log_of("modload")?);
    node.stops_at_the_power_button()
}

fn devices_come_and_go(context: &Context, machine: &[&str]) -> Result<()> {
    let words = machine.iter().map(|word| (*word).to_owned()).chain(free_ports());
    let mut node = context.node().with_machine_arguments(words).start()?;
    node.boots()?;
    has_no_card(&node)?;
    plugs_card(&mut node, MAC)?;
    is_driven(&mut node)?;
    node.is_given(json!({ "driver": "virtio-blk-pci", "id": "disk", "bus": "port2", "drive": "disk1" }))?;
    node.eventually("the disk is found", within(60), |node| {
        ensure!(kernel_says(node, |line| line.contains(SECOND_DISK))?, "the kernel does not tell of {SECOND_DISK}");
        Ok(())
    })?;
    node.lets_go_of("card")?;
    plugs_card(&mut node, OTHER_MAC)?;
    is_used(&mut node, OTHER_MAC)?;
    node.lets_go_of("card")?;
    node.lets_go_of("disk")?;
    serves_on(&mut node)
}

/// Without what was plugged in, and as if it had never been there.
fn serves_on(node: &mut Node) -> Result<()> {
    node.eventually("the links are gone", within(60), |node| {
        ensure!(card(node, MAC)?.is_none() && card(node, OTHER_MAC)?.is_none(), "{:?}", node.client()?.network()?.interfaces);
        Ok(())
    })?;
    node.set(json!({ "motd": "as before" }))?;
    let denials = node.client()?.denials()?.denials;
    ensure!(denials.is_empty(), "{denials:#?}");
    ensure!(node.restarts() == 0, "it has restarted");
    node.stops_at_the_power_button()
}

/// Ports for devices to come, and what is behind these.
fn free_ports() -> impl Iterator<Item = String> {
    let ports = ["-device pcie-root-port,id=port1,chassis=1", "-device pcie-root-port,id=port2,chassis=2"];
    let disk = "-blockdev driver=null-co,node-name=disk1,size=67108864,read-zeroes=on";
    let words = ports.into_iter().chain([disk]).flat_map(|line| line.split(' ')).map(str::to_owned);
    words.chain(network_arguments())
}

fn plugs_card(node: &mut Node, mac: &str) -> Result<()> {
    node.is_given(json!({ "driver": MODULE, "id": "card", "bus": "port1", "netdev": "net1", "mac": mac, "romfile": "" }))
}

fn has_no_card(node: &Node) -> Result<()> {
    ensure!(card(node, MAC)?.is_none() && loads(node)?.is_empty(), "the node has no such card: {:?}", loads(node)?);
    ensure!(!kernel_names_the_driver(node)?, "the driver is there without a device: it is no module");
    Ok(())
}

/// The card is in use, and its driver came for it.
fn is_driven(node: &mut Node) -> Result<()> {
    is_used(node, MAC)?;
    let lines = loads(node)?;
    ensure!(lines.iter().any(|line| line.starts_with(&format!("{MODULE} is loaded for {ALIAS}"))), "not for its alias: {lines:?}");
    ensure!(kernel_names_the_driver(node)?, "the kernel does not tell of its driver");
    Ok(())
}

fn is_used(node: &mut Node, mac: &str) -> Result<()> {
    node.eventually("the card is in use", within(60), |node| {
        let card = card(node, mac)?.context("no link of its address")?;
        let leased = card.addresses.iter().any(|address| address.starts_with(NETWORK));
        ensure!(card.carrier && leased, "{card:?}");
        Ok(())
    })
}

/// The card, in QEMU's words, with a network of its own behind it.
pub(super) fn card_arguments() -> Vec<String> {
    let device = format!("{MODULE},netdev=net1,mac={MAC},romfile=");
    network_arguments().into_iter().chain(["-device".into(), device]).collect()
}

fn network_arguments() -> [String; 2] {
    ["-netdev".into(), format!("user,id=net1,net={NETWORK}0/24")]
}

/// The link of this address, if the kernel has made one of the card.
pub(super) fn card(node: &Node, mac: &str) -> Result<Option<InterfaceStatus>> {
    Ok(node.client()?.network()?.interfaces.into_iter().find(|link| link.mac == mac))
}

/// What is said of the module being loaded.
pub(super) fn loads(node: &Node) -> Result<Vec<String>> {
    let lines = node.log_of("modload")?.into_iter().map(|line| line.text);
    Ok(lines.filter(|text| text.starts_with(&format!("{MODULE} is loaded"))).collect())
}

fn kernel_names_the_driver(node: &Node) -> Result<bool> {
    kernel_says(node, |line| line.starts_with(&format!("{MODULE}:")))
}

fn kernel_says(node: &Node, is_it: impl Fn(&str) -> bool) -> Result<bool> {
    Ok(node.log_of("kernel")?.iter().any(|line| is_it(&line.text)))
}
