//! Every operation of the API.

mod actions;
mod changes;
mod metadata;
mod node;
mod settings;
mod updates;

pub use actions::*;
pub use changes::*;
pub use metadata::*;
pub use node::*;
pub use settings::*;
pub use updates::*;

use crate::operation::{Operation, Shape};

/// All of them, those of Bottlerocket first.
pub fn all() -> impl Iterator<Item = &'static Operation> {
    [settings::ALL, metadata::ALL, actions::ALL, changes::ALL, node::ALL, updates::ALL].into_iter().flatten().copied()
}

/// A list of dotted keys.
const KEY_LIST: Shape = Shape::Json("KeyList");

/// A settings tree.
const SETTINGS_TREE: Shape = Shape::Json("SettingsTree");

/// Said by routes whose work no part of this image does. Bottlerocket's status for what is not on a variant.
const NOT_HERE: (u16, &str) = (422, "This is not available on this image.");
