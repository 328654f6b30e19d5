//! Free ports on the host's loopback.

use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};

use anyhow::{Context, Result, bail};

/// The loopback as far as ports are concerned.
#[derive(Clone, Copy, Debug)]
pub struct Loopback;

impl Loopback {
    /// Whether someone could listen on `port` now.
    pub fn is_free(port: u16) -> bool {
        TcpListener::bind(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)).is_ok()
    }

    /// `wanted` if it is free, else the next free one of the hundred after it.
    pub fn free_from(wanted: u16) -> Result<u16> {
        match (wanted..wanted.saturating_add(100)).find(|port| Self::is_free(*port)) {
            Some(port) => Ok(port),
            None => bail!("no free port on 127.0.0.1 from {wanted} on"),
        }
    }
}

/// A port that was free a moment ago. Someone else may take it before QEMU does; QEMU then fails to start and says so.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port on 127.0.0.1")?;
    Ok(listener.local_addr().context("cannot read the address of a listening socket")?.port())
}
