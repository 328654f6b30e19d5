//! A road to a registry that breaks after so many bytes, and can be mended: a server that dies in mid-answer, exactly
//! where the test wants it.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    thread,
};

use ampoule_machine::HOST_SEEN_FROM_GUEST;
use anyhow::{Context, Result};

/// The road. Its threads end with the process.
pub(crate) struct FlakyRoad {
    port: u16,
    /// Bytes of answers that may still pass.
    left: Arc<AtomicI64>,
}

impl FlakyRoad {
    /// A road to `target` (a port of this host) that breaks after `bytes` of answers.
    pub(crate) fn to(target: u16, bytes: u64) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).context("a port for the road")?;
        let port = listener.local_addr()?.port();
        let left = Arc::new(AtomicI64::new(i64::try_from(bytes)?));
        let shared = left.clone();
        thread::spawn(move || {
            for traveller in listener.incoming().flatten() {
                // A broken road: the connection ends before a word was said.
                if shared.load(Ordering::SeqCst) > 0 {
                    carry(traveller, target, &shared);
                }
            }
        });
        Ok(Self { port, left })
    }

    /// `host:port` as a node sees it.
    pub(crate) fn address(&self) -> String {
        format!("{HOST_SEEN_FROM_GUEST}:{}", self.port)
    }

    /// Whether it has broken.
    pub(crate) fn is_broken(&self) -> bool {
        self.left.load(Ordering::SeqCst) <= 0
    }

    /// Lets everything pass from now on.
    pub(crate) fn mend(&self) {
        self.left.store(i64::MAX, Ordering::SeqCst);
    }
}

fn carry(traveller: TcpStream, target: u16, left: &Arc<AtomicI64>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", target)) else {
        return;
    };
    let (Ok(mut requests), Ok(mut to_server)) = (traveller.try_clone(), server.try_clone()) else {
        return;
    };
    thread::spawn(move || {
        let _ = std::io::copy(&mut requests, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Write);
    });
    let left = left.clone();
    thread::spawn(move || {
        let _ = answers(&server, &traveller, &left);
        let _ = traveller.shutdown(Shutdown::Both);
        let _ = server.shutdown(Shutdown::Both);
    });
}

fn answers(mut from: &TcpStream, mut to: &TcpStream, left: &AtomicI64) -> std::io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let length = from.read(&mut buffer)?;
        let passed = i64::try_from(length).unwrap_or(i64::MAX);
        if length == 0 || left.fetch_sub(passed, Ordering::SeqCst) <= 0 {
            return Ok(());
        }
        to.write_all(&buffer[..length])?;
    }
}
