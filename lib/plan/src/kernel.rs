//! `kernel`: sysctls and lockdown for the program that sets them, modules for the one that loads them.

use crate::file::{Action, File, Files, Reader, json};
use crate::{Effect, Image};
use ampoule_kernel::KernelDocument;
use ampoule_settings::{Settings, kernel::Kernel};
use std::collections::BTreeSet;

const KERNEL: &str = "/etc/ampoule/kernel.json";
const MODULES: &str = "/etc/ampoule/modules.json";

pub(crate) const EFFECTS: &[Effect] = &[
    Effect::told("kernel.lockdown", &[KERNEL], "kernel-settings", Action::Reload),
    Effect::told("kernel.sysctl", &[KERNEL], "kernel-settings", Action::Reload),
    Effect::told("kernel.modules", &[MODULES], "modload", Action::Reload),
];

/// The network links that sysctls of these settings are about. They come and go, and their sysctls with them.
#[must_use]
pub fn sysctl_links(settings: &Settings) -> BTreeSet<String> {
    let paths = settings.kernel.sysctl.keys().filter_map(|key| ampoule_kernel::sysctl_path(key.as_str()).ok());
    paths.filter_map(|path| ampoule_kernel::link_of(&path).map(str::to_owned)).collect()
}

pub(crate) fn render(_: &Image, settings: &Settings, files: &mut Files) {
    let Kernel { lockdown, sysctl, modules, .. } = &settings.kernel;
    if lockdown.is_some() || !sysctl.is_empty() {
        let sysctl = sysctl.iter().map(|(k, v)| (k.as_str().to_owned(), v.as_str().to_owned())).collect();
        let document = KernelDocument { lockdown: *lockdown, sysctl };
        files.insert(KERNEL.into(), File::open(json(&document), Reader::reload("kernel-settings")));
    }
    if !modules.is_empty() {
        files.insert(MODULES.into(), File::open(json(modules), Reader::reload("modload")));
    }
}
