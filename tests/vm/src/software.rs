//! Real software for nodes to run, where they get it, and how to speak to it.

mod debian;
mod flaky;
mod go;
mod http;
mod layout;
mod metadata;
mod postgres;
mod recipe;
mod redis;
mod registry;
mod release;
mod time_server;
pub(crate) mod volumes;

pub(crate) use flaky::FlakyRoad;
pub(crate) use http::{connect, get};
pub(crate) use metadata::{InstanceMetadata, metadata_at};
pub(crate) use postgres::Database;
pub(crate) use redis::KeyStore;
pub(crate) use registry::Registry;
pub(crate) use release::{Behaviour, Change, MOVED, Release, UpdateServer, replace};
pub(crate) use time_server::TimeServer;

/// Base64 (RFC 4648), as documents carry bytes.
fn base64(bytes: &[u8]) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    STANDARD.encode(bytes)
}
