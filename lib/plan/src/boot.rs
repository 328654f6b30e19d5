//! `boot`: parameters for the program that hands them to the boot loader.

use crate::file::{Action, File, Files, Reader, json};
use crate::{Effect, Image};
use ampoule_settings::Settings;
use serde::Serialize;
use std::collections::BTreeMap;

const BOOT: &str = "/etc/ampoule/boot.json";

pub(crate) const EFFECTS: &[Effect] = &[
    Effect { at_reboot: Some("a kernel reads its parameters when it starts"), ..told("boot.kernel") },
    Effect { at_reboot: Some("init reads its parameters when it starts"), ..told("boot.init") },
    told("boot.reboot-to-reconcile"),
];

const fn told(settings: &'static str) -> Effect {
    Effect::told(settings, &[BOOT], "boot-parameters", Action::Reload)
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Values<'a> {
    kernel_parameters: BTreeMap<&'a str, Vec<&'a str>>,
    init_parameters: BTreeMap<&'a str, Vec<&'a str>>,
    reboot_to_reconcile: bool,
}

pub(crate) fn render(_: &Image, settings: &Settings, files: &mut Files) {
    let boot = &settings.boot;
    let reboot_to_reconcile = boot.reboot_to_reconcile.unwrap_or(false);
    if boot.kernel.is_empty() && boot.init.is_empty() && !reboot_to_reconcile {
        return;
    }
    let values = Values {
        kernel_parameters: boot.kernel.iter().map(|(name, values)| (name.as_str(), values.iter().map(|v| v.as_str()).collect())).collect(),
        init_parameters: boot.init.iter().map(|(name, values)| (name.as_str(), values.iter().map(|v| v.as_str()).collect())).collect(),
        reboot_to_reconcile,
    };
    files.insert(BOOT.into(), File::open(json(&values), Reader::reload("boot-parameters")));
}
