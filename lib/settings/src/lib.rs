//! The settings model: fragments, defaults, validation.
//!
//! Text becomes a [`Fragment`] (keys somebody chose, each value checked), and a fragment over the image's defaults becomes [`Settings`]. Whoever holds one of them holds
//! something valid; everything wrong is reported at once, each with key, reason and remedy.

pub mod api;
pub mod container_registry;
mod error;
mod fragment;
mod key;
mod locate;
pub mod motd;
pub mod network;
mod settings;
mod user_data;
pub mod workloads;

pub use error::{Location, SettingError};
pub use fragment::Fragment;
pub use key::{Model, all_patterns, is_secret};
pub use settings::Settings;
pub use user_data::{MAX_USER_DATA, UserDataError, parse_user_data};
