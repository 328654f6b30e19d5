//! `boot`: parameters for the next boot.

use crate::file::Files;
use crate::{Effect, Image};
use ampoule_settings::Settings;

pub(crate) const EFFECTS: &[Effect] = &[];

pub(crate) fn render(_: &Image, _: &Settings, _: &mut Files) {}
