//! The settings model: what a person may change on a node.
//!
//! Text becomes a [`Fragment`] (keys somebody chose, each value checked); fragments of different strength lie over one another as [`Layers`], and those become [`Settings`].
//! Whoever holds one of them holds something valid; everything wrong is reported at once, each with key, reason and remedy.
//!
//! Each namespace is a module of its name; each setting is declared once ([`Key`]), and its type, rule, schema and documentation come from there.

pub mod api;
pub mod autoscaling;
pub mod aws;
pub mod boot;
pub mod bootstrap_commands;
pub mod bootstrap_containers;
mod change;
mod checked_text;
mod choice;
pub mod cloudformation;
pub mod container_registry;
pub mod container_runtime;
pub mod container_runtime_plugins;
mod described;
pub mod dns;
pub mod ecs;
mod error;
mod example;
mod fragment;
pub mod host_containers;
mod hugepages;
pub mod image_verifier_plugins;
pub mod kernel;
mod key;
pub mod kubelet_device_plugins;
pub mod kubelet_dra_drivers;
pub mod kubernetes;
mod layers;
mod locate;
pub mod measurement;
pub mod metrics;
mod mistaken;
mod model;
pub mod motd;
mod namespace;
pub mod network;
pub mod ntp;
mod number;
pub mod nvidia_container_runtime;
pub mod oci_defaults;
pub mod oci_hooks;
pub mod path;
pub mod pki;
pub mod reference;
mod schema;
mod settings;
pub mod types;
pub mod updates;
mod user_data;
mod variant;
pub mod workloads;

pub use change::Change;
pub use described::Described;
pub use error::{Location, SettingError};
pub use fragment::Fragment;
pub use key::Key;
pub use layers::{Layers, Source};
pub use model::{Model, about, all_keys, all_namespaces, is_secret};
pub use settings::Settings;
pub use user_data::{MAX_USER_DATA, UserDataError, parse_user_data};
pub use variant::{Variant, VariantError};
