//! Client of the node API, over the Unix socket or mutual TLS.
//!
//! Blocking on the outside: a caller needs no async runtime. One connection is made per request, so a client survives
//! a restart of the node without care. Answers are bounded in size and time.

mod change;
mod client;
mod connect;
mod error;
mod exchange;
mod lines;
mod node;
mod query;

pub use client::{Client, DEFAULT_TIMEOUT, Method, RESPONSE_LIMIT, Response};
pub use connect::TlsIdentity;
pub use error::ClientError;
pub use lines::{LINE_LIMIT, Lines};
pub use node::LogQuery;
pub use query::encode_value;

/// Where the node API listens on the node itself.
pub const API_SOCKET: &str = "/run/api.sock";
