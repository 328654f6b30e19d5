//! `motd`: `/etc/motd`.

use crate::file::{File, Files};
use crate::{Effect, Image};
use ampoule_settings::Settings;

const PATH: &str = "/etc/motd";

pub(crate) const EFFECTS: &[Effect] = &[Effect::files("motd", &[PATH])];

pub(crate) fn render(_: &Image, settings: &Settings, files: &mut Files) {
    files.insert(PATH.into(), File::open(format!("{}\n", settings.motd), None));
}
