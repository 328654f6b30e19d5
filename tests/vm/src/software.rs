//! Real software for nodes to run, where they get it, and how to speak to it.

mod debian;
mod flaky;
mod http;
mod layout;
mod postgres;
mod recipe;
mod redis;
mod registry;

pub(crate) use flaky::FlakyRoad;
pub(crate) use http::get;
pub(crate) use postgres::Database;
pub(crate) use redis::KeyStore;
pub(crate) use registry::Registry;
