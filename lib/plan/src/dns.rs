//! `dns`: what netd puts into the resolver file in place of what the network says.

use crate::file::{Action, File, Files, Reader, json};
use crate::{Effect, Image};
use ampoule_settings::{Settings, dns::Dns};

const PATH: &str = "/etc/ampoule/resolver.json";

pub(crate) const EFFECTS: &[Effect] = &[Effect::told("dns", &[PATH], "netd", Action::Reload)];

pub(crate) fn render(_: &Image, settings: &Settings, files: &mut Files) {
    if settings.dns != Dns::default() {
        files.insert(PATH.into(), File::open(json(&settings.dns), Reader::reload("netd")));
    }
}
