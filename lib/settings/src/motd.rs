//! `motd`: the message of the day.

use crate::key::{Key, check};
use ampoule_base::PlainText;

pub(crate) const KEYS: &[Key] = &[Key { pattern: "motd", check: check::<PlainText>, allowed: "a text", secret: false }];
