//! `motd`: the message of the day.

use crate::key::Key;
use ampoule_base::PlainText;

pub(crate) const KEYS: &[Key] = &[Key::of::<PlainText>(
    "motd",
    "Message of the day: `/etc/motd`, which control and admin containers show.",
    "\"Ask before you touch this node\"",
)];
