//! `motd`: the message of the day.

use crate::key::Key;
use ampoule_base::PlainText;

/// What the namespace is for.
pub(crate) const ABOUT: &str = "The message of the day.";

pub(crate) const KEYS: &[Key] = &[Key::of::<PlainText>(
    "motd",
    "Message of the day: `/etc/motd`, which control and admin containers show.",
    "\"Ask before you touch this node\"",
)];
